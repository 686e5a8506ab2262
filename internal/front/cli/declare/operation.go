package declare

import (
	"slices"

	"github.com/spf13/pflag"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
)

// initiator is who an operation of the command line says that it is by. The API
// server's audit log knows the person.
const initiator = "syncline-cli"

// Operation is a sync as flags declare it.
type Operation struct {
	// Revision is to be delivered instead of the declared one; empty means that.
	Revision string
	Prune    bool
	DryRun   bool
	Retry    Retry

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
	flags.StringVar(&o.Revision, "revision", "", "deliver this revision instead of the one that the app declares")
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
	_, err := Pairs("info", o.infos)
	return err
}

// Operation returns the operation that the flags declare. It is planned, shown and
// written as it is: see Manifest. The options are the App's own; what flags ask for
// goes over them.
func (o *Operation) Operation(own option.List) syncline.Operation {
	operation := syncline.Operation{
		Prune: o.Prune, DryRun: o.DryRun, Force: o.force, SkipHooks: o.strategy == "apply",
		Options: o.options().Over(own), By: syncline.Initiator{Username: initiator},
	}
	if o.Revision != "" {
		operation.Revisions = []string{o.Revision}
	}
	return operation
}

// Manifest writes an operation as an Application's .operation, with what only who
// looks at the record reads. How it is tried again is as the flags say.
func (o *Operation) Manifest(flags *pflag.FlagSet, asked syncline.Operation) map[string]any {
	sync := Fields{}
	if len(asked.Revisions) == 1 {
		sync["revision"] = asked.Revisions[0]
	} else {
		sync.Set("revisions", Texts(asked.Revisions))
	}
	sync.Set("prune", asked.Prune)
	sync.Set("dryRun", asked.DryRun)
	sync.Set("resources", selectionManifest(asked.Selection))
	sync.Set("syncOptions", Texts(asked.Options))
	switch {
	case asked.SkipHooks:
		sync["syncStrategy"] = map[string]any{"apply": map[string]any{"force": asked.Force}}
	case o.strategy == "hook" || asked.Force:
		sync["syncStrategy"] = map[string]any{"hook": map[string]any{"force": asked.Force}}
	}
	var infos []any
	_ = eachPair("info", o.infos, func(name, value string) { // checked by Check
		infos = append(infos, map[string]any{"name": name, "value": value})
	})
	operation := Fields{"sync": sync.JSON(), "initiatedBy": map[string]any{"username": asked.By.Username}}
	operation.Set("info", infos)
	operation.Set("retry", o.Retry.manifest(flags, ""))
	return operation.JSON()
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

func selectionManifest(selection []syncline.Selector) []any {
	var resources []any
	for _, s := range selection {
		resource := Fields{"kind": s.Kind, "name": s.Name}
		resource.Set("group", s.Group)
		resource.Set("namespace", s.Namespace)
		resources = append(resources, resource.JSON())
	}
	return resources
}
