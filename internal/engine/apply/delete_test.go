package apply_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// stepOf makes one step from an input, and writes down what it came to.
func stepOf(t *testing.T, s *story, in apply.Input) apply.Outcome {
	t.Helper()
	out, err := apply.Step(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	s.state = out.State
	return out
}

// tearDown makes one step of the App's deletion.
func tearDown(t *testing.T, s *story) ([]string, error) {
	t.Helper()
	s.app.Deleting = &syncline.Deletion{Cascade: true, Propagation: "foreground"}
	made, _ := plan.Teardown(s.app, dialects(), s.Cluster)
	grant, refused := made.Grant(s.judge)
	waiting, err := apply.Delete(t.Context(), apply.Input{
		App: s.app, Plan: made, Grant: grant, Refused: refused, Memory: s.Cluster, Reader: s.Cluster, Writer: s.Cluster, Now: noon,
	})
	var refs []string
	for _, b := range waiting {
		if b.Why == "" {
			t.Errorf("%s is waited for without a reason", b.Ref)
		}
		refs = append(refs, b.Ref.String())
	}
	return refs, err
}

// deployed is an App with an object in each of two waves and a hook's object.
func deployed(t *testing.T) *story {
	t.Helper()
	s := tell(object("ConfigMap", "first", ""), object("ConfigMap", "last", wave(5)), object("Job", "h", hook("PreSync")))
	s.on(t)
	s.healthy(t, ref("Job", "h"))
	s.on(t)
	s.expectPhase(t, syncline.OperationSucceeded, "")
	s.wrote()
	return s
}

func TestDeletionGoesWaveByWave(t *testing.T) {
	s := deployed(t)
	s.Hold(t, ref("ConfigMap", "last"))
	for range 2 {
		waiting, err := tearDown(t, s)
		if err != nil || !slices.Equal(waiting, []string{"ConfigMap/shop/last"}) {
			t.Fatalf("it waits for %q, %v", waiting, err)
		}
	}
	s.expectWrites(t, "prune ConfigMap/shop/last")
	s.Release(t, ref("ConfigMap", "last"))
	waiting, err := tearDown(t, s)
	if err != nil || len(waiting) > 0 {
		t.Fatalf("it waits for %q, %v", waiting, err)
	}
	s.expectWrites(t, "prune ConfigMap/shop/first", "prune batch/Job/shop/h")
	if refs := s.Refs(); len(refs) > 0 {
		t.Errorf("left are %q", refs)
	}
}

func TestARunningHookIsDeletedToo(t *testing.T) {
	s := tell(object("Job", "h", hook("PreSync")))
	s.on(t)
	s.wrote()
	waiting, err := tearDown(t, s)
	if err != nil || len(waiting) > 0 {
		t.Fatalf("it waits for %q, %v", waiting, err)
	}
	s.expectWrites(t, "prune batch/Job/shop/h", "unhold batch/Job/shop/h")
}

func TestDeletionThatCannotGoOn(t *testing.T) {
	t.Run("for a passing reason", func(t *testing.T) {
		s := deployed(t)
		s.Answer = func(r enginetest.Request) error {
			if r.Ref.Name == "last" {
				return syncline.Errorf(syncline.Transient, "try later")
			}
			return nil
		}
		waiting, err := tearDown(t, s)
		if syncline.KindOf(err) != syncline.Transient || !strings.Contains(err.Error(), "ConfigMap/shop/last: try later") {
			t.Errorf("got %v", err)
		}
		if !slices.Equal(waiting, []string{"ConfigMap/shop/last"}) {
			t.Errorf("it waits for %q", waiting)
		}
		s.expectWrites(t, "prune ConfigMap/shop/last") // the next wave has to wait
	})
	t.Run("until a person approves", func(t *testing.T) {
		s := tell(object("ConfigMap", "a", `argocd.argoproj.io/sync-options: "Delete=confirm"`))
		s.on(t)
		s.wrote()
		waiting, err := tearDown(t, s)
		if err != nil || !slices.Equal(waiting, []string{"ConfigMap/shop/a"}) {
			t.Errorf("it waits for %q, %v", waiting, err)
		}
		s.expectWrites(t)
	})
	t.Run("because the project does not permit it", func(t *testing.T) {
		s := deployed(t)
		s.judge = func(c syncline.Change) error {
			if c.Ref.Name == "last" {
				return syncline.Errorf(syncline.Denied, "no")
			}
			return nil
		}
		waiting, err := tearDown(t, s)
		if err != nil || len(waiting) > 0 {
			t.Errorf("it waits for %q, %v", waiting, err)
		}
		if refs := s.Refs(); !slices.Equal(refs, []string{"ConfigMap/shop/last"}) {
			t.Errorf("left are %q", refs)
		}
	})
	t.Run("because there is another object by now", func(t *testing.T) {
		s := deployed(t)
		s.app.Deleting = &syncline.Deletion{Cascade: true}
		made, _ := plan.Teardown(s.app, dialects(), s.Cluster)
		grant, _ := made.Grant(s.judge)
		s.Delete(ref("ConfigMap", "last"))
		s.Put(t, strings.Replace(object("ConfigMap", "last", ""), "name: last", "name: last, namespace: shop", 1))
		_, err := apply.Delete(t.Context(), apply.Input{App: s.app, Plan: made, Grant: grant, Memory: s.Cluster, Writer: s.Cluster})
		if syncline.KindOf(err) != syncline.Conflict {
			t.Errorf("got %v", err)
		}
		s.expectWrites(t)
	})
}

// TestAnApplicationGoesAfterOthersCame has a child that gets another name, and one
// that cannot be made.
func TestAnApplicationGoesAfterOthersCame(t *testing.T) {
	child := func(name string) string {
		return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: " + name + ", namespace: shop}"
	}
	for name, answer := range map[string]error{"made": nil, "refused": syncline.Errorf(syncline.Denied, "quota")} {
		t.Run(name, func(t *testing.T) {
			s := tell(child("one"))
			s.on(t)
			s.declare(child("uno"))
			s.begin(syncline.Operation{Prune: true})
			s.Answer = func(r enginetest.Request) error {
				if r.Ref.Name == "uno" {
					return answer
				}
				return nil
			}
			s.Requests()
			s.on(t)
			var written []string
			for _, r := range s.Requests() {
				written = append(written, r.String())
			}
			want := []string{
				"dry-run argoproj.io/Application/shop/uno", "create argoproj.io/Application/shop/uno", "prune argoproj.io/Application/shop/one",
			}
			if answer != nil {
				want = want[:1]
			}
			if !slices.Equal(written, want) {
				t.Errorf("written: %q, want %q", written, want)
			}
		})
	}
}

// TestWhatAppsNeedIsDeletedAfterThem has an operation and a deletion that would delete
// a project which an App needs that goes.
func TestWhatAppsNeedIsDeletedAfterThem(t *testing.T) {
	const kid, team = "argoproj.io/Application/shop/kid", "argoproj.io/AppProject/shop/team"
	object := func(kind, name string) string {
		return "apiVersion: argoproj.io/v1alpha1\nkind: " + kind + "\nmetadata: {name: " + name + ", namespace: shop}"
	}
	kidRef := syncline.Ref{Group: "argoproj.io", Kind: "Application", Namespace: "shop", Name: "kid"}
	for name, step := range map[string]func(t *testing.T, s *story, after []syncline.Ref) []syncline.Blocker{
		"prune": func(t *testing.T, s *story, after []syncline.Ref) []syncline.Blocker {
			t.Helper()
			in := s.input(t)
			afterApps(in.Plan, after)
			out, err := apply.Step(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			s.state = out.State
			return out.Waiting
		},
		"teardown": func(t *testing.T, s *story, after []syncline.Ref) []syncline.Blocker {
			t.Helper()
			made, _ := plan.Teardown(s.app, dialects(), s.Cluster)
			afterApps(made, after)
			grant, _ := made.Grant(s.judge)
			waiting, err := apply.Delete(t.Context(), apply.Input{App: s.app, Plan: made, Grant: grant, Memory: s.Cluster, Writer: s.Cluster})
			if err != nil {
				t.Fatal(err)
			}
			return waiting
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(object("Application", "kid"), object("AppProject", "team"))
			s.Serve(schema.GroupKind{Group: "argoproj.io", Kind: "AppProject"}, syncline.Namespaced)
			s.on(t)
			s.declare()
			s.begin(syncline.Operation{Prune: true})
			s.Hold(t, kidRef)
			s.Requests()
			waiting := step(t, s, []syncline.Ref{kidRef})
			s.expectWrites(t, "prune "+kid)
			told := slices.ContainsFunc(waiting, func(b syncline.Blocker) bool {
				return b.Ref.String() == team && strings.Contains(b.Why, "no longer needed by "+kid)
			})
			if !told {
				t.Errorf("it waits for %v", waiting)
			}
			s.Release(t, kidRef)
			if waiting := step(t, s, nil); len(waiting) > 0 {
				t.Errorf("it still waits for %v", waiting)
			}
			s.expectWrites(t, "prune "+team)
		})
	}
}

func afterApps(made syncline.Plan, after []syncline.Ref) {
	for i := range made.Changes {
		if made.Changes[i].Ref.Kind == "AppProject" {
			made.Changes[i].After = after
		}
	}
}

// TestWhatGuardsGoesFirst has a webhook that cannot be called and goes with some of
// what it guards, and of which the API server takes notice a little later.
func TestWhatGuardsGoesFirst(t *testing.T) {
	const hook = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: zz}"
	down := syncline.Errorf(syncline.Transient, `failed calling webhook "a.b.c": connection refused`)
	for name, test := range map[string]struct {
		refusal error
		// lags is for how many requests it is still asked when it is gone.
		lags  int
		phase syncline.OperationPhase
	}{
		"and lets everything go":           {down, 0, syncline.OperationSucceeded},
		"and is asked a little longer":     {down, 1, syncline.OperationSucceeded},
		"and denies a little longer":       {syncline.Errorf(syncline.Denied, "no"), 2, syncline.OperationSucceeded},
		"and another one denies for ever":  {syncline.Errorf(syncline.Denied, "no"), 1000, syncline.OperationFailed},
		"and another one is down for ever": {down, 1000, syncline.OperationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(hook, object("ConfigMap", "old", ""), object("ConfigMap", "stays", ""))
			s.Serve(schema.GroupKind{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration"}, syncline.ClusterScoped)
			s.on(t)
			s.declare(object("ConfigMap", "new", ""), object("ConfigMap", "stays", ""))
			s.begin(syncline.Operation{Prune: true})
			left, gone := test.lags, false
			s.Answer = func(r enginetest.Request) error {
				if r.Ref.Name == "zz" && r.Verb == enginetest.Verb(syncline.Prune) {
					gone = true
				}
				if r.Ref.Name != "new" || gone && left == 0 {
					return nil
				}
				if gone {
					left--
				}
				return test.refusal
			}
			s.wrote()
			for try := range 5 {
				s.impatient = try == 4
				if out, err := s.once(t); err == nil && !out.Requeue && s.state.Phase.Done() {
					break
				}
			}
			if wrote := s.wrote(); len(wrote) == 0 || wrote[0] != "prune admissionregistration.k8s.io/ValidatingWebhookConfiguration/zz" {
				t.Errorf("written: %q", wrote)
			}
			s.expectPhase(t, test.phase, "")
		})
	}
}
