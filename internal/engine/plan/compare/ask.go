// Package compare finds out what applying objects would make of the live ones, and
// which of the differences count: by dry-runs, without what an App ignores, and with
// regard to whose the fields are. It decides nothing.
package compare

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
)

const (
	// dryRuns is how many dry-runs of one plan are asked at once.
	dryRuns = 8
	// looks is how often an object is looked at again that changes while it is
	// compared.
	looks = 3
)

// Cluster is what is asked of the API server.
type Cluster interface {
	// Scope returns where objects of a kind live. It is a NotFound error when the
	// cluster does not know the kind.
	Scope(ctx context.Context, kind schema.GroupVersionKind) (syncline.Scope, error)
	// DryRun returns what applying the object would make of the live one.
	DryRun(ctx context.Context, object syncline.Object, options option.List) (syncline.Object, error)
	// DryRunReplace returns what putting the object in place of the live one would
	// make of it.
	DryRunReplace(ctx context.Context, object, live syncline.Object, options option.List) (syncline.Object, error)
	// Merge returns the three-way merge of the object with the live one, and what
	// putting that in place of it would make of it. It is an Invalid error when that
	// would be refused too.
	Merge(ctx context.Context, object, live syncline.Object, options option.List) (merged, after syncline.Object, err error)
	// Rehearse returns nil when a creation of the object would be accepted, were
	// the live one gone.
	Rehearse(ctx context.Context, object, live syncline.Object, options option.List) error
	// Read returns the live object as it is now.
	Read(ctx context.Context, ref syncline.Ref, version string) (syncline.Object, error)
}

// Comparer compares the objects of one App.
type Comparer struct {
	App     syncline.App
	Cluster Cluster
	Ignored *Ignored
	// Follow has every change told of an object that is live; see plan.Memory.
	Follow func(object syncline.Object) syncline.Digest
	// Force says that whatever cannot be updated is to be made anew.
	Force bool
	// MayChangeGuards reports whether a webhook that cannot be asked may be one of the
	// App's own.
	MayChangeGuards func() bool
}

// Question is all that a comparison depends on: what is asked twice has been
// answered before.
type Question struct {
	desired syncline.Digest
	live    syncline.Digest
	// how is the digest of the ignore rules and the options.
	how syncline.Digest
}

// Answer is what was found out about one object.
type Answer struct {
	question Question
	Fields   []syncline.Field
	// Merged is to be put in place of the live object; zero where it is applied.
	Merged syncline.Object
	// Kept is to be applied in place of what is declared, with what is ignored as it
	// is live; zero where that is not asked for.
	Kept syncline.Object
	// at is the only version of the live object that it holds for, and state its only
	// state; zero for any of which the same is asked.
	at    version
	state syncline.Digest
	// Err is why the API server refuses the object; Beyond and Instead are why it
	// would refuse a new one in its place, and to replace it, nil when it would not.
	Err, Beyond, Instead error
	// Adopt says that declared fields are not owned by the field manager of the object.
	Adopt bool
	// Known is false in the zero Answer; lasting says that to ask again is in vain,
	// and moved that the object changed while it was compared.
	Known, lasting, moved bool
}

// isFor reports whether an answer that is remembered holds for the live object.
func (a Answer) isFor(live syncline.Live) bool {
	return (a.at == version{} || a.at == version{string(live.UID), live.ResourceVersion}) &&
		(a.state == "" || a.state == live.State)
}

// Inquiry is one object that has to be asked about.
type Inquiry struct {
	Change *syncline.Change
	Live   syncline.Live
	Answer Answer

	question Question
}

// QuestionOf returns what a comparison of a change with a live object depends on.
func (r *Comparer) QuestionOf(c syncline.Change, live syncline.Live) (Question, error) {
	how, err := syncline.DigestOf([]any{r.App.Ignore, c.Options})
	if err != nil || c.Role != syncline.RoleNamespace {
		return Question{desired: c.Desired.Digest(), live: stateOf(live), how: how}, err
	}
	state, err := syncline.DigestOf([]any{stateOf(live), live.Beside})
	return Question{desired: c.Desired.Digest(), live: state, how: how}, err
}

// stateOf identifies what a comparison with a live object depends on: the
// fields that we own, and the whole object where we own none or where fields
// of client-side apply may have to go.
func stateOf(live syncline.Live) syncline.Digest {
	if live.Applied == "" || live.Migrate {
		return syncline.Digest(string(live.UID) + "@" + live.ResourceVersion)
	}
	return syncline.Digest(string(live.UID)) + "/" + live.Applied
}

// Ask answers the inquiries, by what is known where that holds, and returns the answers
// that last by their objects. An error means that some are not answered; the others are.
func (r *Comparer) Ask(ctx context.Context, open []Inquiry, known map[syncline.Ref]Answer) (lasting map[syncline.Ref]Answer, err error) {
	for i := range open {
		if open[i].question, err = r.QuestionOf(*open[i].Change, open[i].Live); err != nil {
			return nil, err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(dryRuns)
	panics := make(chan string, len(open))
	for i := range open {
		in := &open[i]
		if before, ok := known[in.Change.Ref]; ok && before.question == in.question && before.isFor(in.Live) {
			in.Answer = before
			continue
		}
		group.Go(func() (err error) {
			defer func() {
				if cause := recover(); cause != nil { // it would end the process
					panics <- fmt.Sprintf("%v\n%s", cause, debug.Stack())
				}
			}()
			in.Answer, err = r.ask(ctx, *in)
			return err
		})
	}
	err = group.Wait()
	if len(panics) > 0 {
		panic(<-panics)
	}
	lasting = map[syncline.Ref]Answer{}
	for _, in := range open {
		if in.Answer.lasting {
			lasting[in.Change.Ref] = in.Answer
		}
	}
	return lasting, err
}

// ask compares by dry-run. What is wrong with this object alone becomes the
// answer's error, which may pass without a change of the object, and is not
// remembered. Any other error means that nothing is known.
func (r *Comparer) ask(ctx context.Context, in Inquiry) (Answer, error) {
	for look := 1; ; look++ {
		found, err := r.look(ctx, in)
		if found.moved && look < looks {
			continue // what others did in between is no difference of ours
		}
		return found, err
	}
}

// look compares an object as it is now.
func (r *Comparer) look(ctx context.Context, in Inquiry) (Answer, error) {
	c := *in.Change
	current, err := r.Read(ctx, c)
	if err != nil {
		return Answer{}, err
	}
	applied, err := r.Cluster.DryRun(ctx, c.Desired, c.Options)
	switch {
	case isRefusal(err) || syncline.WebhookDown(err) && r.MayChangeGuards():
		return r.askRefused(ctx, in, current, err)
	case err != nil:
		return Answer{}, syncline.About(c.Ref, err)
	}
	found := Answer{question: in.question, Known: true, moved: versionOf(current) != versionOf(applied)}
	ignoring := r.Ignored.rulesFor(c.Ref).trusting(current)
	after, err := r.takenOver(ctx, in, current, applied)
	if err != nil {
		return unanswered(c.Ref, err)
	}
	if found.Fields, err = fieldsOf(ctx, in, current, after, ignoring); err != nil {
		return Answer{}, syncline.About(c.Ref, err)
	}
	if found, err = r.adopting(ctx, in, current, applied, found); err != nil {
		return Answer{}, syncline.About(c.Ref, err)
	}
	theirs, err := othersHave(ctx, c, current, applied, ignoring)
	if err != nil {
		return Answer{}, syncline.About(c.Ref, err)
	}
	if theirs {
		found.state = r.Follow(current)
	}
	found.lasting = !found.moved && isAt(current, in.Live)
	return r.askReplaced(ctx, in, current, found)
}

// othersHave reports whether declared fields that count are not those of the object's
// field manager: somebody changed them since, or holds them from before. What is written
// into them later changes nothing of what is ours.
func othersHave(ctx context.Context, c syncline.Change, current, applied syncline.Object, ignoring rules) (bool, error) {
	wanted, _ := appliedEntry(applied.Reveal().Object, c.Desired.Manager())
	own, _ := appliedEntry(current.Reveal().Object, c.Desired.Manager())
	if covers(own, wanted) {
		return false, nil
	}
	counting, err := ignoring.strip(ctx, applied.Reveal().Object)
	return err == nil && holdsValue(exclusivePart(counting, wanted, own)), err
}

// unanswered is what follows from a request that failed for another reason than
// that the object is refused.
func unanswered(ref syncline.Ref, err error) (Answer, error) {
	return Answer{moved: syncline.KindOf(err) == syncline.Conflict}, syncline.About(ref, err)
}

// isRefusal reports whether an error is about an object, and not about the moment.
func isRefusal(err error) bool {
	switch syncline.KindOf(err) {
	case syncline.Invalid, syncline.Denied, syncline.NotFound:
		return true
	}
	return false
}

// askRefused finds out what helps an object that the API server refuses as an
// update. A policy of the cluster is not got around, so that nothing is asked
// then.
func (r *Comparer) askRefused(ctx context.Context, in Inquiry, current syncline.Object, cause error) (Answer, error) {
	c := *in.Change
	found := Answer{question: in.question, Known: true, Err: cause, Beyond: cause, Instead: cause}
	if syncline.KindOf(cause) != syncline.Invalid || c.Role == syncline.RoleNamespace { // which is only ever applied
		return found, nil
	}
	if merged, err := r.askMerged(ctx, in, current); err != nil || merged.Known {
		return merged, err
	}
	if Recreatable(c.Ref) {
		found.Beyond = r.Cluster.Rehearse(ctx, c.Desired, current, c.Options)
	}
	fields, err := r.replacement(ctx, c, current)
	if err != nil && !isRefusal(err) {
		return unanswered(c.Ref, err)
	}
	found.Fields, found.Instead = fields, err
	return found, nil
}

// askMerged asks whether a three-way merge is accepted where an apply is refused.
// The answer is not known when it is not, or when it would change what is ignored
// and has to stay.
func (r *Comparer) askMerged(ctx context.Context, in Inquiry, current syncline.Object) (Answer, error) {
	c := *in.Change
	merged, after, err := r.Cluster.Merge(ctx, c.Desired, current, c.Options)
	switch {
	case isRefusal(err):
		return Answer{}, nil
	case err != nil:
		return unanswered(c.Ref, err)
	}
	found := Answer{question: in.question, Known: true, lasting: isAt(current, in.Live)}
	found.state = r.Follow(current)
	ignoring := r.Ignored.rulesFor(c.Ref).trusting(current)
	if found.Fields, err = fieldsOf(ctx, in, current, after, ignoring); err != nil {
		return Answer{}, syncline.About(c.Ref, err)
	}
	if len(found.Fields) == 0 {
		return found, nil
	}
	if r.Respects(c) {
		kept, err := differences(ctx, current.Reveal().Object, after.Reveal().Object, ignoring, c.Desired.Sensitive())
		if err != nil || len(kept) < len(found.Fields) {
			return Answer{}, err
		}
	}
	found.Merged, found.at = merged, versionOf(merged)
	return r.askReplaced(ctx, in, current, found)
}

// askReplaced lets the answer for an object with Replace=true that differs show
// what the replacement would change, of others' fields too.
func (r *Comparer) askReplaced(ctx context.Context, in Inquiry, current syncline.Object, found Answer) (Answer, error) {
	c := *in.Change
	if len(found.Fields) == 0 || found.Adopt || !c.Options.Has("Replace=true") {
		return found, nil
	}
	fields, err := r.replacement(ctx, c, current)
	switch {
	case isRefusal(err):
		found.Err, found.Beyond, found.Instead, found.lasting = err, err, err, false
	case err != nil:
		return unanswered(c.Ref, err)
	default:
		found.Fields = fields
	}
	return found, nil
}

// replacement returns what putting an object in place of the live one would change.
func (r *Comparer) replacement(ctx context.Context, c syncline.Change, current syncline.Object) ([]syncline.Field, error) {
	after, err := r.Cluster.DryRunReplace(ctx, c.Desired, current, c.Options)
	if err != nil {
		return nil, err
	}
	return differences(ctx, current.Reveal().Object, after.Reveal().Object, rules{}, c.Desired.Sensitive())
}

// isAt reports whether an object is in the state that is remembered of it.
func isAt(current syncline.Object, live syncline.Live) bool {
	return versionOf(current) == version{string(live.UID), live.ResourceVersion}
}

// version identifies one state of one object.
type version struct{ uid, resourceVersion any }

// versionOf returns which state of its object is seen. That of a dry-run is the
// state on which it is based.
func versionOf(o syncline.Object) version {
	uid, _ := o.Field("metadata", "uid")
	resourceVersion, _ := o.Field("metadata", "resourceVersion")
	return version{uid, resourceVersion}
}

// Read returns the live object of a change. It is a Conflict error when that went
// away.
func (r *Comparer) Read(ctx context.Context, c syncline.Change) (syncline.Object, error) {
	current, err := r.Cluster.Read(ctx, c.Ref, c.Version)
	if err != nil {
		return syncline.Object{}, syncline.About(c.Ref, r.becauseGone(ctx, c, err))
	}
	return current, nil
}

// becauseGone makes a Conflict of the answer that an object is not there: it was, and
// went while it was compared, or the version of its kind did.
func (r *Comparer) becauseGone(ctx context.Context, c syncline.Change, err error) error {
	if syncline.KindOf(err) != syncline.NotFound {
		return err
	}
	if _, unserved := r.Cluster.Scope(ctx, c.Ref.GroupKind().WithVersion(c.Version)); syncline.KindOf(unserved) == syncline.NotFound {
		return syncline.Errorf(syncline.Conflict, "its version is not served any more: %w", err)
	}
	return syncline.Errorf(syncline.Conflict, "it went away meanwhile: %w", err)
}

// fieldsOf lists what would be written, after being what that makes of the object that
// is current. Nothing is when only ignored fields differ;
// else all of it is, so that no write happens that the plan does not show: what is
// ignored comes last.
func fieldsOf(ctx context.Context, in Inquiry, current, after syncline.Object, ignoring rules) ([]syncline.Field, error) {
	sensitive := in.Change.Desired.Sensitive()
	fields, err := differences(ctx, current.Reveal().Object, after.Reveal().Object, ignoring, sensitive)
	if err != nil || len(fields) == 0 || len(ignoring.those) == 0 {
		return fields, err
	}
	counts := map[string]bool{}
	for _, f := range fields {
		counts[f.Path] = true
	}
	all, err := differences(ctx, current.Reveal().Object, after.Reveal().Object, rules{}, sensitive)
	slices.SortStableFunc(all, func(a, b syncline.Field) int {
		switch {
		case counts[a.Path] == counts[b.Path]:
			return 0
		case counts[a.Path]:
			return -1
		}
		return 1
	})
	return all, err
}

// Recreatable reports whether deleting the object takes nothing with it that
// does not come back: neither other objects nor data.
func Recreatable(ref syncline.Ref) bool {
	switch ref.GroupKind().String() {
	case "Namespace", "PersistentVolumeClaim", "PersistentVolume", "CustomResourceDefinition.apiextensions.k8s.io":
		return false
	}
	return true
}
