package view

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/syncline-io/syncline"
)

// ListHeader names the columns of a list of Apps.
func ListHeader(wide bool) []string {
	header := []string{"NAME", "CLUSTER", "NAMESPACE", "PROJECT", "STATUS", "HEALTH", "SYNCPOLICY", "CONDITIONS"}
	if wide {
		header = append(header, "REPO", "PATH", "TARGET", "REVISION")
	}
	return header
}

// ListRow is an App in a list.
func ListRow(app syncline.App, report syncline.Report, wide bool, palette Palette) []string {
	row := []string{
		app.ID.String(), cluster(app.Destination), app.Destination.Namespace, app.Project,
		palette.Word(string(report.Sync)), palette.Word(string(report.Health.Status)),
		policyWord(app.Policy), conditionWords(report.Conditions, palette),
	}
	if wide {
		source := syncline.Source{}
		if len(app.Sources) > 0 {
			source = app.Sources[0]
		}
		row = append(row, source.RepoURL, cmp.Or(source.Path, source.Chart), cmp.Or(source.TargetRevision, "HEAD"),
			strings.Join(Short(report.Revisions), ","))
	}
	for i, cell := range row {
		row[i] = cmp.Or(cell, "-")
	}
	return row
}

func cluster(destination syncline.Destination) string {
	return cmp.Or(destination.Name, destination.Server)
}

// policyWord says what happens without a person, in argocd's words.
func policyWord(policy syncline.SyncPolicy) string {
	switch {
	case !policy.Automated:
		return "Manual"
	case policy.Prune:
		return "Auto-Prune"
	}
	return "Auto"
}

// conditionWords counts the conditions by type.
func conditionWords(conditions []syncline.Condition, palette Palette) string {
	var types []string
	counts := map[string]int{}
	for _, condition := range conditions {
		name := string(condition.Type)
		if counts[name]++; counts[name] == 1 {
			types = append(types, name)
		}
	}
	for i, name := range types {
		if counts[name] > 1 {
			types[i] = fmt.Sprintf("%s(%d)", name, counts[name])
		}
	}
	return palette.Note(strings.Join(types, ","))
}
