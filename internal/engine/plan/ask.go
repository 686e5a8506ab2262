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
	// err is why the API server refuses the object; beyond is why it would refuse
	// a new one in its place, nil when it would not.
	err, beyond error
	// known is false in the zero answer; lasting says that to ask again is in vain.
	known, lasting bool
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
	return question{desired: c.Desired.Digest(), live: stateOf(live), how: how}, err
}

// stateOf identifies what a comparison with a live object depends on: the
// fields that we own, and the whole object where we own none or where fields
// of client-side apply may have to go.
func stateOf(live syncline.Live) syncline.Digest {
	if live.Owned == "" || live.Migrate {
		return syncline.Digest(string(live.UID) + "@" + live.ResourceVersion)
	}
	return syncline.Digest(string(live.UID)) + "/" + live.Owned
}

// askAll answers the inquiries, from memory where it can. An error means that
// some are not answered; the others are, and are remembered.
func (b *build) askAll(ctx context.Context, open []inquiry) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(dryRuns)
	panics := make(chan string, len(open))
	for i := range open {
		in := &open[i]
		if known, ok := b.before[in.change.Ref]; ok && known.question == in.question {
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
	c := *in.change
	found := answer{question: in.question, known: true}
	for look := 1; ; look++ {
		current, err := b.Cluster.Read(ctx, c.Ref, c.Version)
		if err != nil {
			return answer{}, syncline.About(c.Ref, becauseGone(err))
		}
		merged, err := b.Cluster.DryRun(ctx, c.Desired, c.Options)
		switch syncline.KindOf(err) {
		case "":
		case syncline.Invalid, syncline.Denied, syncline.NotFound:
			return b.askRefused(ctx, in, current, err), nil
		default:
			return answer{}, syncline.About(c.Ref, err)
		}
		seen := versionOf(current)
		if seen != versionOf(merged) && look < looks {
			continue // it changed in between: what others did is no difference of ours
		}
		rules := b.rulesFor(c.Ref).trusting(current)
		if found.fields, err = fieldsOf(ctx, in, current, merged, rules); err != nil {
			return answer{}, syncline.About(c.Ref, err)
		}
		found.lasting = seen == versionOf(merged) && seen == version{string(in.live.UID), in.live.ResourceVersion}
		return found, nil
	}
}

// askRefused finds out what helps an object that the API server refuses as an
// update. A policy of the cluster is not got around, so that nothing is asked
// then.
func (b *build) askRefused(ctx context.Context, in inquiry, current syncline.Object, cause error) answer {
	c := *in.change
	found := answer{question: in.question, known: true, err: cause, beyond: cause}
	if syncline.KindOf(cause) == syncline.Invalid && recreatable(c.Ref) {
		found.beyond = b.Cluster.Rehearse(ctx, c.Desired, current, c.Options)
	}
	return found
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

// becauseGone makes a Conflict of the answer that an object is not there: it
// was, and went while it was compared.
func becauseGone(err error) error {
	if syncline.KindOf(err) == syncline.NotFound {
		return syncline.Errorf(syncline.Conflict, "it went away meanwhile: %w", err)
	}
	return err
}

// fieldsOf lists what would be written. Nothing is when only ignored fields differ;
// else all of it is, so that no write happens that the plan does not show: what is
// ignored comes last.
func fieldsOf(ctx context.Context, in inquiry, current, merged syncline.Object, rules ignoreRules) ([]syncline.Field, error) {
	fields, err := changed(ctx, in, current, merged, rules)
	if err != nil || len(fields) == 0 || len(rules.rules) == 0 {
		return fields, err
	}
	counts := map[string]bool{}
	for _, f := range fields {
		counts[f.Path] = true
	}
	all, err := changed(ctx, in, current, merged, ignoreRules{})
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

// changed lists what would change, without what the rules ignore: what a dry-run
// says, and what goes when the ownership of client-side apply has moved to us.
func changed(ctx context.Context, in inquiry, current, merged syncline.Object, rules ignoreRules) ([]syncline.Field, error) {
	desired := in.change.Desired
	after := merged.Reveal().Object
	if in.live.Migrate {
		after = withoutAbandoned(after, current, desired)
	}
	return differences(ctx, current.Reveal().Object, after, rules, desired.Sensitive())
}
