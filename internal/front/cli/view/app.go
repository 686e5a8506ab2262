package view

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// Showing says how much of an App is shown.
type Showing struct {
	// Wide adds columns to the table of objects.
	Wide bool
	// Operation shows the last operation also when it succeeded, and what it did to
	// each object.
	Operation bool
	// Waiting says what the App waits for. It is shown of one that is being deleted.
	Waiting []string
	// Parameters shows what the sources set.
	Parameters bool
}

// App shows an App: what it is, what became of it, and its objects.
func App(app syncline.App, report syncline.Report, show Showing, palette Palette) []string {
	table := Table{}
	table.Add("Name:", app.ID.String())
	table.Add("Project:", app.Project)
	table.Add("Cluster:", cluster(app.Destination))
	table.Add("Namespace:", cmp.Or(app.Destination.Namespace, "-"))
	for i, source := range app.Sources {
		addSource(&table, i, len(app.Sources), source)
		if show.Parameters {
			for _, parameter := range parametersOf(source) {
				table.Add("  Parameter:", parameter)
			}
		}
	}
	table.Add("Sync Policy:", policyWords(app.Policy))
	table.Add("Sync Status:", palette.Word(cmp.Or(string(report.Sync), "-"))+At(report.Revisions))
	table.Add("Health Status:", palette.Word(cmp.Or(string(report.Health.Status), "-"))+" "+report.Health.Message)
	if operation := report.Operation; operation != nil && (show.Operation || operation.Phase != syncline.OperationSucceeded) {
		addOperation(&table, operation, palette)
	}
	addDeletion(&table, app, report, show.Waiting, palette)
	if app.Paused {
		table.Add("Paused:", "yes: the annotation skip-reconcile is set")
	}
	lines := table.Lines()
	lines = append(lines, conditionLines(report.Conditions, palette)...)
	lines = append(append(lines, ""), Objects(report, show.Wide, palette)...)
	if operation := report.Operation; show.Operation && operation != nil && len(operation.Results) > 0 {
		lines = append(append(lines, "", palette.Strong("What the operation did")), Results(report, palette)...)
	}
	return lines
}

// addDeletion says that an App is being deleted, and what for it is not gone.
func addDeletion(table *Table, app syncline.App, report syncline.Report, waiting []string, palette Palette) {
	if app.Deleting == nil {
		return
	}
	table.Add("Deleting:", palette.Note("since "+app.Deleting.Since.UTC().Format(time.RFC3339))+
		fmt.Sprintf("; objects left: %d", len(report.Objects)))
	for _, why := range waiting {
		table.Add("  Waiting:", why)
	}
}

func addSource(table *Table, i, count int, source syncline.Source) {
	title := "Source:"
	if count > 1 {
		title = fmt.Sprintf("Source %d:", i+1)
	}
	table.Add(title, source.RepoURL)
	if source.Name != "" {
		table.Add("  Name:", source.Name)
	}
	table.Add("  Target:", cmp.Or(source.TargetRevision, "HEAD"))
	switch {
	case source.Chart != "":
		table.Add("  Chart:", source.Chart)
	case !source.IsOnlyRead():
		table.Add("  Path:", cmp.Or(source.Path, "."))
	}
	if source.Ref != "" {
		table.Add("  Ref:", source.Ref)
	}
}

func policyWords(policy syncline.SyncPolicy) string {
	if !policy.Automated {
		return "Manual"
	}
	words := []string{}
	for _, option := range []struct {
		set  bool
		word string
	}{{policy.Prune, "prune"}, {policy.SelfHeal, "self-heal"}, {policy.AllowEmpty, "allow-empty"}} {
		if option.set {
			words = append(words, option.word)
		}
	}
	if len(words) == 0 {
		return "Automated"
	}
	return "Automated (" + strings.Join(words, ", ") + ")"
}

// At says at which revisions something is, with a space in front, or "".
func At(revisions []string) string {
	if len(revisions) == 0 {
		return ""
	}
	return " at " + strings.Join(Short(revisions), ", ")
}

func addOperation(table *Table, operation *syncline.OperationState, palette Palette) {
	table.Add("Operation:", "Sync"+At(operation.Revisions))
	table.Add("  Phase:", palette.Word(string(operation.Phase)))
	table.Add("  Start:", operation.StartedAt.UTC().Format(time.RFC3339))
	if !operation.FinishedAt.IsZero() {
		table.Add("  Finished:", operation.FinishedAt.UTC().Format(time.RFC3339))
	}
	table.Add("  Message:", operation.Message)
}

func conditionLines(conditions []syncline.Condition, palette Palette) []string {
	if len(conditions) == 0 {
		return nil
	}
	table := Table{Header: []string{"CONDITION", "MESSAGE"}}
	for _, condition := range conditions {
		table.Add(palette.Note(string(condition.Type)), condition.Message)
	}
	return append([]string{""}, table.Lines()...)
}

// parametersOf lists what the source sets, as NAME=VALUE.
func parametersOf(source syncline.Source) []string {
	var parameters []string
	if helm := source.Helm; helm != nil {
		for _, file := range helm.ValueFiles {
			parameters = append(parameters, "values="+file)
		}
		for _, parameter := range helm.Parameters {
			parameters = append(parameters, parameter.Name+"="+parameter.Value)
		}
	}
	if kustomize := source.Kustomize; kustomize != nil {
		for _, image := range kustomize.Images {
			parameters = append(parameters, "image="+image)
		}
	}
	if directory := source.Directory; directory != nil {
		for _, variable := range append(append([]tool.JsonnetVar{}, directory.Jsonnet.ExtVars...), directory.Jsonnet.TLAs...) {
			parameters = append(parameters, variable.Name+"="+variable.Value)
		}
	}
	return parameters
}

// Objects lays out the objects of an App.
func Objects(report syncline.Report, wide bool, palette Palette) []string {
	table := Table{Header: []string{"GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "HEALTH", "HOOK", "MESSAGE"}}
	if wide {
		table.Header = append(table.Header, "VERSION", "WAVE")
	}
	hooks := hooksOf(report)
	for _, object := range report.Objects {
		status := palette.Word(string(object.Sync))
		if object.RequiresPruning {
			status += palette.Faint(" (to prune)")
		}
		row := []string{
			object.Ref.Group, object.Ref.Kind, object.Ref.Namespace, object.Ref.Name, status,
			palette.Word(string(object.Health.Status)), hooks[object.Ref],
			object.Health.Message,
		}
		if wide {
			row = append(row, object.Version, fmt.Sprint(object.Wave))
		}
		table.Add(row...)
	}
	return table.Lines()
}

// hooksOf says which phases the objects are hooks of.
func hooksOf(report syncline.Report) map[syncline.Ref]string {
	hooks := map[syncline.Ref]string{}
	for _, object := range report.Objects {
		if object.Hook {
			hooks[object.Ref] = "hook"
		}
	}
	if report.Operation != nil {
		for _, result := range report.Operation.Results {
			if result.HookType != "" {
				hooks[result.Ref] = string(result.HookType)
			}
		}
	}
	return hooks
}
