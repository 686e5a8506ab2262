package declare

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/syncline-io/syncline"
)

// Revisions are those that flags ask for instead of the declared ones: one of an App of one
// source, or those of some of its sources, by their positions or names.
type Revisions struct {
	one       string
	some      []string
	positions []int
	names     []string
}

// Bind adds the flags. Help says what --revision is for.
func (r *Revisions) Bind(flags *pflag.FlagSet, help string) {
	flags.StringVar(&r.one, "revision", "", help)
	flags.StringArrayVar(&r.some, "revisions", nil, "the same of one of several sources, which --source-positions or --source-names says; may be repeated")
	flags.IntSliceVar(&r.positions, "source-positions", nil, "the `position` of the source that a --revisions is for, from 1; may be repeated")
	flags.StringArrayVar(&r.names, "source-names", nil, "the `name` of the source that a --revisions is for; may be repeated")
}

// IsEmpty reports whether nothing is asked for.
func (r *Revisions) IsEmpty() bool { return r.one == "" && len(r.some) == 0 }

// Check says what is wrong with the flags, as an Invalid error.
func (r *Revisions) Check() error {
	which := len(r.positions) + len(r.names)
	switch {
	case len(r.positions) > 0 && len(r.names) > 0:
		return syncline.Errorf(syncline.Invalid, "--source-positions and --source-names: only one of them can be given")
	case r.one != "" && len(r.some)+which > 0:
		return syncline.Errorf(syncline.Invalid, "--revision is for an app of one source: leave it out beside --revisions")
	case len(r.some) != which:
		return syncline.Errorf(syncline.Invalid, "--revisions is given %d times, and %d sources are named by --source-positions or --source-names: give one for each", len(r.some), which)
	}
	return nil
}

// Of returns the revisions for the sources of an App, one for each and "" where that is what
// the source declares; none when nothing is asked for. It is an Invalid error where the App
// has no such source.
func (r *Revisions) Of(app syncline.App) ([]string, error) {
	switch {
	case r.IsEmpty():
		return nil, nil
	case r.one != "" && len(app.Sources) != 1:
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "--revision is for an app of one source, and %s has %d", app.ID, len(app.Sources)),
			"say which source by --revisions with --source-positions or --source-names")
	case r.one != "":
		return []string{r.one}, nil
	}
	revisions := make([]string, len(app.Sources))
	for i, revision := range r.some {
		at, err := r.source(app, i)
		if err != nil {
			return nil, err
		}
		if revisions[at] != "" {
			return nil, syncline.Errorf(syncline.Invalid, "source %d of %s is given two revisions, %q and %q", at+1, app.ID, revisions[at], revision)
		}
		revisions[at] = revision
	}
	return revisions, nil
}

// source returns the index of the source that a flag names.
func (r *Revisions) source(app syncline.App, flag int) (int, error) {
	if len(r.positions) > 0 {
		position := r.positions[flag]
		if position < 1 || position > len(app.Sources) {
			return 0, syncline.Errorf(syncline.Invalid, "--source-positions is %d: %s has %d sources, counted from 1", position, app.ID, len(app.Sources))
		}
		return position - 1, nil
	}
	name := r.names[flag]
	at := slices.IndexFunc(app.Sources, func(s syncline.Source) bool { return name != "" && s.Name == name })
	if at < 0 {
		return 0, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "--source-names is %q: %s has no source of that name", name, app.ID),
			"give its position by --source-positions")
	}
	return at, nil
}

// Undone refuses, as Argo CD does, to sync an App to what its policy would replace at once.
func Undone(app syncline.App, revisions []string) error {
	if !app.Policy.Automated {
		return nil
	}
	for i, wanted := range revisions {
		declared := cmp.Or(app.Sources[i].TargetRevision, "HEAD")
		if wanted == "" || wanted == declared {
			continue
		}
		field := "spec.source.targetRevision"
		if len(app.Sources) > 1 {
			field = fmt.Sprintf("spec.sources[%d].targetRevision", i)
		}
		return syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "Cannot sync to %s: auto-sync currently set to %s", wanted, declared),
			fmt.Sprintf(`automated sync would undo it at once: set %s, or turn it off first with: `+
				`kubectl patch applications.argoproj.io %s -n %s --type merge -p '{"spec":{"syncPolicy":{"automated":null}}}'`,
				field, app.ID.Name, app.ID.Namespace))
	}
	return nil
}
