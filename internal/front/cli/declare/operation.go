package declare

import (
	"slices"

	"github.com/spf13/pflag"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/command"
)

// Operation is a sync as flags declare it.
type Operation struct {
	// Revisions are to be delivered instead of the declared ones.
	Revisions Revisions
	Prune     bool
	DryRun    bool
	Retry     Retry

	force      bool
	replace    bool
	serverSide bool
	outOfSync  bool
	strategy   string
	infos      []string
}

// Bind adds the flags.
func (o *Operation) Bind(flags *pflag.FlagSet) {
	o.Retry.Bind(flags, "")
	o.Revisions.Bind(flags, "deliver this revision instead of the one that the app declares")
	flags.BoolVar(&o.Prune, "prune", false, "delete objects that left the source")
	flags.BoolVar(&o.DryRun, "dry-run", false, "let the agent try everything and change nothing")
	flags.BoolVar(&o.force, "force", false, "delete and create again objects that cannot be updated")
	flags.BoolVar(&o.replace, "replace", false, "replace objects instead of applying them")
	flags.BoolVar(&o.serverSide, "server-side", false, "apply on the server's side, which Syncline always does")
	flags.BoolVar(&o.outOfSync, "apply-out-of-sync-only", false, "touch only what differs")
	flags.StringVar(&o.strategy, "strategy", "", "apply leaves out hooks; hook, the default, runs them")
	flags.StringArrayVar(&o.infos, "info", nil, "note for the record as `NAME=VALUE`; may be repeated")
}

// Check says what is wrong with the flags, as an Invalid error.
func (o *Operation) Check() error {
	if !slices.Contains([]string{"", "apply", "hook"}, o.strategy) {
		return syncline.Errorf(syncline.Invalid, "--strategy is %q, neither apply nor hook", o.strategy)
	}
	if err := o.Revisions.Check(); err != nil {
		return err
	}
	_, err := Pairs("info", o.infos)
	return err
}

// Operation returns the operation of an App that the flags declare. It is planned, shown and
// asked for as it is. The options are the App's own; what flags ask for goes over them. It
// is an Invalid error where the App's policy would undo it at once.
func (o *Operation) Operation(flags *pflag.FlagSet, app syncline.App) (syncline.Operation, error) {
	revisions, err := o.Revisions.Of(app)
	if err == nil && !o.DryRun {
		err = Undone(app, revisions)
	}
	if err != nil {
		return syncline.Operation{}, err
	}
	operation := syncline.Operation{
		Prune: o.Prune, DryRun: o.DryRun, Force: o.force, SkipHooks: o.strategy == "apply",
		Options: o.options().Over(app.Policy.Options), Revisions: revisions,
	}
	if retry := o.Retry.read(flags, ""); retry != nil {
		operation.Retry = *retry
	}
	return operation, nil
}

// Notes returns what goes into the record of the operation. [Operation.Check] says what
// is wrong with it.
func (o *Operation) Notes() []command.Note {
	var notes []command.Note
	_ = eachPair("info", o.infos, func(name, value string) { notes = append(notes, command.Note{Name: name, Value: value}) })
	return notes
}

// options are the sync options that flags ask for.
func (o *Operation) options() option.List {
	var options option.List
	for _, option := range []struct {
		set  bool
		text string
	}{
		{o.replace, "Replace=true"},
		{o.serverSide, "ServerSideApply=true"},
		{o.outOfSync, "ApplyOutOfSyncOnly=true"},
	} {
		if option.set {
			options = append(options, option.text)
		}
	}
	return options
}
