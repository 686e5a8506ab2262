package plan

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/syncline-io/syncline"
)

const (
	// dryRuns is how many dry-runs of one plan are asked at once.
	dryRuns = 8
	// looks is how often an object is looked at again that changes while it is
	// compared.
	looks = 3
)

// question is all that a comparison depends on: what is asked twice has been
// answered before.
type question struct {
	desired syncline.Digest
	live    syncline.Digest
	// how is the digest of the ignore rules and the options.
	how syncline.Digest
}

// answer is what was found out about one object.
type answer struct {
	question question
	fields   []syncline.Field
	// merged is to be put in place of the live object; zero where it is applied.
	merged syncline.Object
	// kept is to be applied in place of what is declared, with what is ignored as it
	// is live; zero where that is not asked for.
	kept syncline.Object
	// at is the only version of the live object that it holds for, and state its only
	// state; zero for any of which the same is asked.
	at    version
	state syncline.Digest
	// err is why the API server refuses the object; beyond and instead are why it
	// would refuse a new one in its place, and to replace it, nil when it would not.
	err, beyond, instead error
	// adopt says that declared fields are not owned by the field manager of the object.
	adopt bool
	// known is false in the zero answer; lasting says that to ask again is in vain,
	// and moved that the object changed while it was compared.
	known, lasting, moved bool
}

// isFor reports whether an answer that is remembered holds for the live object.
func (a answer) isFor(live syncline.Live) bool {
	return (a.at == version{} || a.at == version{string(live.UID), live.ResourceVersion}) &&
		(a.state == "" || a.state == live.State)
}

// inquiry is one object that has to be asked about.
type inquiry struct {
	change   *syncline.Change
	live     syncline.Live
	question question
	answer   answer
}

func (b *build) questionOf(c syncline.Change, live syncline.Live) (question, error) {
	how, err := syncline.DigestOf([]any{b.App.Ignore, c.Options})
	if err != nil || c.Role != syncline.RoleNamespace {
		return question{desired: c.Desired.Digest(), live: stateOf(live), how: how}, err
	}
	state, err := syncline.DigestOf([]any{stateOf(live), live.Beside})
	return question{desired: c.Desired.Digest(), live: state, how: how}, err
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

// askAll answers the inquiries, from memory where it can. An error means that
// some are not answered; the others are, and are remembered.
func (b *build) askAll(ctx context.Context, open []inquiry) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(dryRuns)
	panics := make(chan string, len(open))
	for i := range open {
		in := &open[i]
		if known, ok := b.before[in.change.Ref]; ok && known.question == in.question && known.isFor(in.live) {
			in.answer = known
			continue
		}
		group.Go(func() (err error) {
			defer func() {
				if cause := recover(); cause != nil { // it would end the process
					panics <- fmt.Sprintf("%v\n%s", cause, debug.Stack())
				}
			}()
			in.answer, err = b.ask(ctx, *in)
			return err
		})
	}
	err := group.Wait()
	if len(panics) > 0 {
		panic(<-panics)
	}
	for _, in := range open {
		if in.answer.lasting {
			b.after[in.change.Ref] = in.answer
		}
	}
	return err
}

// ask compares by dry-run. What is wrong with this object alone becomes the
// answer's error, which may pass without a change of the object, and is not
// remembered. Any other error means that nothing is known.
func (b *build) ask(ctx context.Context, in inquiry) (answer, error) {
	for look := 1; ; look++ {
		found, err := b.look(ctx, in)
		if found.moved && look < looks {
			continue // what others did in between is no difference of ours
		}
		return found, err
	}
}

// look compares an object as it is now.
func (b *build) look(ctx context.Context, in inquiry) (answer, error) {
	c := *in.change
	current, err := b.Cluster.Read(ctx, c.Ref, c.Version)
	if err != nil {
		return answer{}, syncline.About(c.Ref, b.becauseGone(ctx, c, err))
	}
	applied, err := b.Cluster.DryRun(ctx, c.Desired, c.Options)
	switch {
	case isRefusal(err) || syncline.WebhookDown(err) && b.mayChangeGuards():
		return b.askRefused(ctx, in, current, err)
	case err != nil:
		return answer{}, syncline.About(c.Ref, err)
	}
	found := answer{question: in.question, known: true, moved: versionOf(current) != versionOf(applied)}
	rules := b.rulesFor(c.Ref).trusting(current)
	after, err := b.takenOver(ctx, in, current, applied)
	if err != nil {
		return unanswered(c.Ref, err)
	}
	if found.fields, err = fieldsOf(ctx, in, current, after, rules); err != nil {
		return answer{}, syncline.About(c.Ref, err)
	}
	if found, err = b.adopting(ctx, in, current, applied, found); err != nil {
		return answer{}, syncline.About(c.Ref, err)
	}
	theirs, err := othersHave(ctx, c, current, applied, rules)
	if err != nil {
		return answer{}, syncline.About(c.Ref, err)
	}
	if theirs {
		found.state = b.Memory.Follow(current)
	}
	found.lasting = !found.moved && isAt(current, in.live)
	return b.askReplaced(ctx, in, current, found)
}

// othersHave reports whether declared fields that count are not those of the object's
// field manager: somebody changed them since, or holds them from before. What is written
// into them later changes nothing of what is ours.
func othersHave(ctx context.Context, c syncline.Change, current, applied syncline.Object, rules ignoreRules) (bool, error) {
	wanted, _ := appliedEntry(applied.Reveal().Object, c.Desired.Manager())
	own, _ := appliedEntry(current.Reveal().Object, c.Desired.Manager())
	if covers(own, wanted) {
		return false, nil
	}
	counting, err := rules.strip(ctx, applied.Reveal().Object)
	return err == nil && holdsValue(exclusivePart(counting, wanted, own)), err
}

// unanswered is what follows from a request that failed for another reason than
// that the object is refused.
func unanswered(ref syncline.Ref, err error) (answer, error) {
	return answer{moved: syncline.KindOf(err) == syncline.Conflict}, syncline.About(ref, err)
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
func (b *build) askRefused(ctx context.Context, in inquiry, current syncline.Object, cause error) (answer, error) {
	c := *in.change
	found := answer{question: in.question, known: true, err: cause, beyond: cause, instead: cause}
	if syncline.KindOf(cause) != syncline.Invalid || c.Role == syncline.RoleNamespace { // which is only ever applied
		return found, nil
	}
	if merged, err := b.askMerged(ctx, in, current); err != nil || merged.known {
		return merged, err
	}
	if recreatable(c.Ref) {
		found.beyond = b.Cluster.Rehearse(ctx, c.Desired, current, c.Options)
	}
	fields, err := b.replacement(ctx, c, current)
	if err != nil && !isRefusal(err) {
		return unanswered(c.Ref, err)
	}
	found.fields, found.instead = fields, err
	return found, nil
}

// askMerged asks whether a three-way merge is accepted where an apply is refused.
// The answer is not known when it is not, or when it would change what is ignored
// and has to stay.
func (b *build) askMerged(ctx context.Context, in inquiry, current syncline.Object) (answer, error) {
	c := *in.change
	merged, after, err := b.Cluster.Merge(ctx, c.Desired, current, c.Options)
	switch {
	case isRefusal(err):
		return answer{}, nil
	case err != nil:
		return unanswered(c.Ref, err)
	}
	found := answer{question: in.question, known: true, lasting: isAt(current, in.live)}
	found.state = b.Memory.Follow(current)
	rules := b.rulesFor(c.Ref).trusting(current)
	if found.fields, err = fieldsOf(ctx, in, current, after, rules); err != nil {
		return answer{}, syncline.About(c.Ref, err)
	}
	if len(found.fields) == 0 {
		return found, nil
	}
	if b.respects(c) {
		kept, err := differences(ctx, current.Reveal().Object, after.Reveal().Object, rules, c.Desired.Sensitive())
		if err != nil || len(kept) < len(found.fields) {
			return answer{}, err
		}
	}
	found.merged, found.at = merged, versionOf(merged)
	return b.askReplaced(ctx, in, current, found)
}

// askReplaced lets the answer for an object with Replace=true that differs show
// what the replacement would change, of others' fields too.
func (b *build) askReplaced(ctx context.Context, in inquiry, current syncline.Object, found answer) (answer, error) {
	c := *in.change
	if len(found.fields) == 0 || found.adopt || !c.Options.Has("Replace=true") {
		return found, nil
	}
	fields, err := b.replacement(ctx, c, current)
	switch {
	case isRefusal(err):
		found.err, found.beyond, found.instead, found.lasting = err, err, err, false
	case err != nil:
		return unanswered(c.Ref, err)
	default:
		found.fields = fields
	}
	return found, nil
}

// replacement returns what putting an object in place of the live one would change.
func (b *build) replacement(ctx context.Context, c syncline.Change, current syncline.Object) ([]syncline.Field, error) {
	after, err := b.Cluster.DryRunReplace(ctx, c.Desired, current, c.Options)
	if err != nil {
		return nil, err
	}
	return differences(ctx, current.Reveal().Object, after.Reveal().Object, ignoreRules{}, c.Desired.Sensitive())
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

// becauseGone makes a Conflict of the answer that an object is not there: it was, and
// went while it was compared, or the version of its kind did.
func (b *build) becauseGone(ctx context.Context, c syncline.Change, err error) error {
	if syncline.KindOf(err) != syncline.NotFound {
		return err
	}
	if _, unserved := b.Cluster.Scope(ctx, c.Ref.GroupKind().WithVersion(c.Version)); syncline.KindOf(unserved) == syncline.NotFound {
		return syncline.Errorf(syncline.Conflict, "its version is not served any more: %w", err)
	}
	return syncline.Errorf(syncline.Conflict, "it went away meanwhile: %w", err)
}

// fieldsOf lists what would be written, after being what that makes of the object that
// is current. Nothing is when only ignored fields differ;
// else all of it is, so that no write happens that the plan does not show: what is
// ignored comes last.
func fieldsOf(ctx context.Context, in inquiry, current, after syncline.Object, rules ignoreRules) ([]syncline.Field, error) {
	sensitive := in.change.Desired.Sensitive()
	fields, err := differences(ctx, current.Reveal().Object, after.Reveal().Object, rules, sensitive)
	if err != nil || len(fields) == 0 || len(rules.rules) == 0 {
		return fields, err
	}
	counts := map[string]bool{}
	for _, f := range fields {
		counts[f.Path] = true
	}
	all, err := differences(ctx, current.Reveal().Object, after.Reveal().Object, ignoreRules{}, sensitive)
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
