// Package option holds Argo CD's sync options, such as "PruneLast=true", by which an
// App, or one of its objects, says how it wants to be synced.
package option

import (
	"slices"
	"strings"
)

// List holds options as they were written, NAME=VALUE each.
type List []string

// Parse reads the comma-separated value of the annotation
// argocd.argoproj.io/sync-options.
func Parse(text string) List { return Of(strings.Split(text, ",")) }

// Of reads options that stand by themselves, as in an App's policy.
func Of(written []string) List {
	var options List
	for _, option := range written {
		if option = strings.TrimSpace(option); option == "" {
			continue
		}
		keeps := protecting(option)
		if keeps != "" {
			options = append(options, keeps)
		}
		if keeps == "" || !strings.EqualFold(keeps, strings.ReplaceAll(option, " ", "")) {
			options = append(options, option) // [List.Unknown] tells of it
		}
	}
	return options
}

// protecting returns the option that forbids or holds up a deletion and was meant by one,
// "" when none was: whatever its case and its spaces, and whatever stands where only true
// would permit the deletion. A slip would delete what was to be kept.
func protecting(option string) string {
	name, value, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(strings.Replace(option, ":", "=", 1), " ", "")), "=")
	switch name {
	case "prune", "prunes", "pruning":
		name = "Prune"
	case "delete", "deletes", "deletion":
		name = "Delete"
	default:
		return ""
	}
	switch value {
	case "", "true", "yes", "on", "1":
		return ""
	case "confirm":
		return name + "=confirm"
	}
	return name + "=false"
}

// Unknown returns those of the options that there are not, such as misspelt ones.
func (o List) Unknown() []string {
	var unknown []string
	for _, option := range o {
		name, value, _ := strings.Cut(option, "=")
		known := false
		switch name {
		case "Prune", "Delete":
			known = value == "true" || value == "false" || value == "confirm"
		case "PrunePropagationPolicy":
			known = value == "foreground" || value == "background" || value == "orphan"
		case "Validate", "CreateNamespace", "PruneLast", "Replace", "Force", "ServerSideApply", "ApplyOutOfSyncOnly",
			"RespectIgnoreDifferences", "SkipDryRunOnMissingResource", "FailOnSharedResource", "ClientSideApplyMigration":
			known = value == "true" || value == "false"
		}
		if !known {
			unknown = append(unknown, option)
		}
	}
	return unknown
}

// Has reports whether the option, written NAME=VALUE, is among them.
func (o List) Has(option string) bool { return slices.Contains(o, option) }

// Value returns the value of the first option of that name, or "".
func (o List) Value(name string) string {
	for _, option := range o {
		if key, value, ok := strings.Cut(option, "="); ok && key == name {
			return value
		}
	}
	return ""
}

// Over returns o laid over lower: an option of o hides lower's of the same name.
func (o List) Over(lower List) List {
	merged := slices.Clone(o)
	for _, option := range lower {
		if name, _, _ := strings.Cut(option, "="); o.Value(name) == "" {
			merged = append(merged, option)
		}
	}
	return merged
}
