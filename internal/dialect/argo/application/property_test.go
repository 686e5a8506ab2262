package application_test

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

// anyOf makes a generator of any type of the words, within what a turn yields:
// times after 1970, durations and counts that are not negative, no empty text in
// a list.
func anyOf[V any]() *rapid.Generator[V] {
	text := rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "web", "apps", "https://example.com/a.git", "1.0", "true", "~", "Sync"}),
		rapid.StringN(0, 8, -1))
	filled := text.Filter(func(s string) bool { return s != "" })
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "zero") {
			return time.Time{}
		}
		return time.Unix(rapid.Int64Range(1, 1<<33).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC()
	})
	texts := rapid.SliceOfN(filled, 0, 3)
	kinds := map[reflect.Kind]*rapid.Generator[any]{reflect.String: text.AsAny()}
	types := map[reflect.Type]*rapid.Generator[any]{
		reflect.TypeFor[time.Time]():             moment.AsAny(),
		reflect.TypeFor[time.Duration]():         rapid.Custom(func(t *rapid.T) time.Duration { return time.Duration(rapid.Int64Range(0, 1<<60).Draw(t, "d")) }).AsAny(),
		reflect.TypeFor[[]string]():              texts.AsAny(),
		reflect.TypeFor[option.List]():           rapid.Map(texts, func(s []string) option.List { return s }).AsAny(),
		reflect.TypeFor[map[string]string]():     rapid.MapOfN(filled, text, 0, 2).AsAny(),
		reflect.TypeFor[map[string]bool]():       rapid.MapOfN(filled, rapid.Bool(), 0, 2).AsAny(),
		reflect.TypeFor[syncline.SyncStatus]():   rapid.SampledFrom([]syncline.SyncStatus{syncline.Synced, syncline.OutOfSync, syncline.SyncUnknown}).AsAny(),
		reflect.TypeFor[syncline.HealthStatus](): rapid.SampledFrom([]syncline.HealthStatus{"", "Healthy", "Degraded"}).AsAny(),
	}
	fields := map[reflect.Type]map[string]*rapid.Generator[any]{
		reflect.TypeFor[syncline.Retry](): {"Factor": rapid.Int64Range(0, 9).AsAny()},
		// No Application has sources that are files or buckets, or are signed in registries.
		reflect.TypeFor[syncline.Source](): {
			"File": rapid.Just(false).AsAny(), "Bucket": rapid.Just(upstream.Bucket{}).AsAny(), "Signed": rapid.Just((*signing.Artifact)(nil)).AsAny(),
		},
		// What is read of a name is what can be printed.
		reflect.TypeFor[syncline.Initiator](): {"Username": rapid.StringMatching(`[a-z é]{0,8}`).AsAny()},
	}
	config := rapid.MakeConfig{Types: types, Kinds: kinds, Fields: fields}
	few[syncline.Source](config)
	few[syncline.Selector](config)
	few[syncline.ObjectResult](config)
	few[syncline.ObjectReport](config)
	few[syncline.Deployment](config)
	few[syncline.Condition](config)
	few[syncline.Blocker](config)
	return rapid.MakeCustom[V](config)
}

// few has lists of V be short. What V is made of is configured before.
func few[V any](config rapid.MakeConfig) {
	config.Types[reflect.TypeFor[[]V]()] = rapid.SliceOfN(rapid.MakeCustom[V](config), 0, 2).AsAny()
}

// specs are Applications with what has a way of getting lost: nulls and empty
// objects in values, numbers, fields that Syncline does not read.
var specs = []string{
	``,
	`spec: {source: {helm: {}}}`,
	`spec: {source: {helm: {valuesObject: {}}}}`,
	`spec: {source: {helm: {values: 'x: 1', valuesObject: {a: null, b: {c: [1, {d: null}], e: {}}, f: 1.0, g: 9007199254740993}}}}`,
	`spec: {source: {helm: {version: v3, valuesObject: {a: {b: 2}}, passCredentials: true}}}`,
	`spec: {source: {kustomize: {version: v5, commonLabels: {}, images: [], replicas: [{name: a, count: "5"}], patches: [{options: {}, target: {}}]}}}`,
	`spec: {source: {directory: {jsonnet: {}, disableExtensionFilter: true}}}`,
	`spec: {source: null, sources: [{repoURL: a, path: b, helm: {parameters: [{name: a}]}}]}`,
	`spec: {source: {plugin: {name: a, parameters: [{name: b, string: ""}]}}}`,
	"operation: {sync: {}}\nspec: {ignoreDifferences: [{kind: '*', jsonPointers: []}]}",
	"operation: {sync: {revisions: [a], sources: [{repoURL: a, path: b}]}}\nmetadata: {annotations: {argocd.argoproj.io/refresh: hard}}",
	"metadata: {finalizers: [a, resources-finalizer.argocd.argoproj.io], annotations: {syncline.io/approve-prune: 'true'}}",
}

// shownMessages compares messages as a status shows them.
var shownMessages = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Message" }, cmp.Transformer("shown", visible.Text))

// inSeconds compares times as a status keeps them, and messages.
var inSeconds = cmp.Options{
	cmpopts.EquateEmpty(), shownMessages,
	cmp.Comparer(func(a, b time.Time) bool { return a.Truncate(time.Second).Equal(b.Truncate(time.Second)) }),
}

// Whatever a turn reports is written once, reads back as it was, and is then
// not written again.
func TestPatchRoundTrip(t *testing.T) {
	reports := anyOf[syncline.Report]()
	rapid.Check(t, func(r *rapid.T) {
		u := with(t, rapid.SampledFrom(specs).Draw(r, "spec"))
		for range rapid.IntRange(1, 3).Draw(r, "turns") {
			report := drawReport(r, reports, u)
			u = stored(r, u, report)
			if again := patchIn(r, report, u); again != nil {
				r.Fatalf("a second patch changes more: %s", again)
			}
			checkPast(r, report, u)
		}
	})
}

// A Store writes what is to be written of the whole Application, though it does not
// keep the whole.
func TestAStoreKeepsWhatAPatchReads(t *testing.T) {
	reports := anyOf[syncline.Report]()
	rapid.Check(t, func(r *rapid.T) {
		u := with(t, rapid.SampledFrom(specs).Draw(r, "spec"))
		if rapid.Bool().Draw(r, "reported before") {
			u = stored(r, u, drawReport(r, reports, u))
		}
		report := drawReport(r, reports, u)
		app, _ := application.Read(u, controlPlane)
		report.App = app.ID
		written := &written{answers: answers{object: u}}
		store := newStore(written)
		store.Put(u)
		if err := store.save(t, report); err != nil {
			r.Fatal(err)
		}
		if diff := cmp.Diff(string(patchIn(r, report, u)), string(written.patch)); diff != "" {
			r.Fatalf("patch (-of the whole +of what is kept):\n%s", diff)
		}
	})
}

// written keeps the patch that it answers.
type written struct {
	answers
	patch []byte
}

func (w *written) PatchApplication(ctx context.Context, id syncline.AppID, patch []byte) (*unstructured.Unstructured, error) {
	w.patch = patch
	return w.answers.PatchApplication(ctx, id, patch)
}

// drawReport draws a report, half of the time on the sources that the
// Application declares.
func drawReport(r *rapid.T, reports *rapid.Generator[syncline.Report], u *unstructured.Unstructured) syncline.Report {
	report := reports.Draw(r, "report")
	app, _ := application.Read(u, controlPlane)
	if rapid.Bool().Draw(r, "declared sources") {
		report.Sources = app.Sources
		if report.Operation != nil {
			report.Operation.Sources = app.Sources
		}
	}
	if app.Request != nil && report.Operation != nil && rapid.Bool().Draw(r, "requested") {
		report.Operation.Operation, report.Consumed = *app.Request, true
	}
	return report
}

// stored returns the Application after the report was written, as it is read
// from the API server.
func stored(r *rapid.T, u *unstructured.Unstructured, report syncline.Report) *unstructured.Unstructured {
	text := patchIn(r, report, u)
	before, err := json.Marshal(u.Object)
	if err != nil {
		r.Fatal(err)
	}
	after := mergeIn(r, before, text)
	read := &unstructured.Unstructured{}
	if err := read.UnmarshalJSON(after); err != nil {
		r.Fatal(err)
	}
	return read
}

func patchIn(r *rapid.T, report syncline.Report, u *unstructured.Unstructured) []byte {
	cr, problems := v1alpha1.DecodeApplication(u)
	if len(problems) > 0 {
		r.Fatalf("the Application cannot be read: %v", problems)
	}
	patched, err := application.Patch(report, cr)
	if err != nil {
		r.Fatal(err)
	}
	return patched.Patch
}

// notBefore is when an operation is shown to have ended: one that begins in the next second,
// not before it.
func notBefore(began, ended time.Time) time.Time {
	if ahead := began.Sub(ended); !ended.IsZero() && 0 < ahead && ahead < time.Minute {
		return began
	}
	return ended
}

func checkPast(r *rapid.T, report syncline.Report, u *unstructured.Unstructured) {
	app, _ := application.Read(u, controlPlane)
	past := app.Past
	read := application.ReportOf(app)
	if read.Sync != report.Sync || len(read.Waiting) > len(report.Waiting) || (len(read.Conditions) == 0) != (len(report.Conditions) == 0) {
		r.Fatalf("%+v was reported and %+v read", report, read)
	}
	for i, blocker := range read.Waiting {
		if diff := cmp.Diff(report.Waiting[i], blocker, inSeconds); diff != "" {
			r.Fatalf("waiting (-reported +read):\n%s", diff)
		}
	}
	if op := report.Operation; op != nil {
		ended := *op
		ended.FinishedAt = notBefore(op.StartedAt, op.FinishedAt)
		report.Operation = &ended
	}
	report.History = slices.Clone(report.History)
	for i, d := range report.History {
		report.History[i].DeployedAt = notBefore(d.StartedAt, d.DeployedAt)
	}
	if diff := cmp.Diff(report.Operation, past.Operation, inSeconds); diff != "" {
		r.Fatalf("operation (-reported +read):\n%s", diff)
	}
	if diff := cmp.Diff(report.History, past.History, inSeconds); diff != "" {
		r.Fatalf("history (-reported +read):\n%s", diff)
	}
	if report.Rendered != "" && past.Rendered != report.Rendered {
		r.Fatalf("%q was rendered and %q read", report.Rendered, past.Rendered)
	}
	if diff := cmp.Diff(report.Revisions, past.Revisions, inSeconds); diff != "" {
		r.Fatalf("revisions (-reported +read):\n%s", diff)
	}
	if diff := cmp.Diff(report.Health, past.Health, shownMessages); diff != "" {
		r.Fatalf("health (-reported +read):\n%s", diff)
	}
	if got, want := len(past.Objects), len(report.Objects); got != want {
		r.Fatalf("%d objects were read, %d reported", got, want)
	}
	// Whether a revision was delivered already is asked by comparing the sources
	// that are declared with those that are written down.
	if past.Operation != nil && report.Operation.Sources != nil && reflect.DeepEqual(report.Operation.Sources, app.Sources) &&
		!reflect.DeepEqual(past.Operation.Sources, app.Sources) {
		r.Fatalf("sources (-declared +read):\n%s", cmp.Diff(app.Sources, past.Operation.Sources))
	}
}
