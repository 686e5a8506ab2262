// Package settings translates Argo CD's ConfigMap argocd-cm: of it, the rules by
// which health is judged and the label by which objects are tracked; it tells which other
// keys would change what is delivered. It connects to nothing.
package settings

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/glob"
)

// Name is that of the ConfigMap.
const Name = "argocd-cm"

// Replaceable returns rules as find does, each with what to do when it fails: one here
// takes its place.
func Replaceable(find func(schema.GroupKind) (syncline.HealthRule, bool)) func(schema.GroupKind) (syncline.HealthRule, bool) {
	return func(kind schema.GroupKind) (syncline.HealthRule, bool) {
		rule, ok := find(kind)
		rule.Remedy = fmt.Sprintf("write a rule for %s/%s into the ConfigMap %s, which takes its place", kind.Group, kind.Kind, Name)
		return rule, ok
	}
}

// customizations is the key of the rules in one text, and the beginning of those
// of single rules.
const customizations = "resource.customizations"

// Rules are the rules for health of one ConfigMap. The zero value has none.
type Rules struct {
	// inOne are those in the text of one key, single those with a key each, which
	// win. Both are by GROUP/KIND, or KIND for a core kind, with wildcards.
	inOne, single map[string]syncline.HealthRule
	patterns      []pattern
	// Impersonation says that projects say as whom their Applications write, and Enforced
	// that nothing is written where they do not.
	Impersonation, Enforced bool
	// GlobalProjects says from which projects others inherit, in YAML.
	GlobalProjects string
	// Label is by which Argo CD is to track objects, "" when it is not to do so by label.
	Label string
}

// pattern is a rule for all kinds that match.
type pattern struct {
	match glob.Pattern
	rule  syncline.HealthRule
}

// Read translates the ConfigMap. The error joins what cannot be read, each with
// its key; the other rules are returned all the same, and where what is wrong is
// in the text of all rules, those that it had before.
func Read(u *unstructured.Unstructured, before Rules) (Rules, error) {
	data, _, err := unstructured.NestedStringMap(u.Object, "data")
	if err != nil {
		return before, syncline.Errorf(syncline.Invalid, "ConfigMap %s: %w", Name, err)
	}
	var rules Rules
	var errInOne, errSingle, errPatterns error
	rules.inOne, errInOne = readInOne(data[customizations], before.inOne)
	rules.single, errSingle = readSingle(data)
	rules.patterns, errPatterns = patternsOf(rules.all())
	rules.Label, rules.GlobalProjects = labelOf(data), data["globalProjects"]
	rules.Impersonation = data["application.sync.impersonation.enabled"] == "true"
	rules.Enforced = data["application.sync.impersonation.enforced"] != "false"
	return rules, errors.Join(errInOne, errSingle, errPatterns)
}

// labelOf returns the label by which objects are to be tracked, or "".
func labelOf(data map[string]string) string {
	switch data["application.resourceTrackingMethod"] {
	case "label", "annotation+label":
		return cmp.Or(data["application.instanceLabelKey"], v1alpha1.InstanceLabel)
	}
	return ""
}

// Unread returns the keys of the ConfigMap that change, in Argo CD, what is
// delivered or how objects are compared, and that are not read, in order. A key
// that says what is so in any case is none of them.
func Unread(u *unstructured.Unstructured) []string {
	data, _, _ := unstructured.NestedStringMap(u.Object, "data") // Read tells what is wrong
	var unread []string
	for key, value := range data {
		if value != "" && changesDelivery(key, value) {
			unread = append(unread, key)
		}
	}
	slices.Sort(unread)
	return unread
}

func changesDelivery(key, value string) bool {
	switch key {
	case "application.resourceTrackingMethod":
		return value != "annotation" && value != "label" && value != "annotation+label"
	case "kustomize.enable", "helm.enable", "jsonnet.enable":
		return value == "false"
	case "resource.respectRBAC":
		return value != "false"
	case customizations:
		return strings.Contains(value, "ignoreDifferences:")
	case "installationID", "resource.exclusions", "resource.inclusions", "resource.selectors",
		"resource.compareoptions", "resource.customLabels", "resource.sensitive.mask.annotations", "helm.valuesFileSchemes",
		"kustomize.buildOptions", "configManagementPlugins", "timeout.hard.reconciliation":
		return true
	}
	return strings.HasPrefix(key, customizations+".ignoreDifferences.") || strings.HasPrefix(key, customizations+".knownTypeFields.") ||
		strings.HasPrefix(key, "kustomize.buildOptions.") || strings.HasPrefix(key, "kustomize.path.")
}

// Find returns the rule for a kind: the one for the kind itself, else the one
// with the longest pattern that matches.
func (r Rules) Find(kind schema.GroupKind) (syncline.HealthRule, bool) {
	name := kind.Kind
	if kind.Group != "" {
		name = kind.Group + "/" + kind.Kind
	}
	for _, rules := range []map[string]syncline.HealthRule{r.single, r.inOne} {
		if rule, ok := rules[name]; ok {
			return rule, true
		}
	}
	for _, p := range r.patterns {
		if p.match.Matches(name) {
			return p.rule, true
		}
	}
	return syncline.HealthRule{}, false
}

// all returns each rule that counts.
func (r Rules) all() map[string]syncline.HealthRule {
	all := map[string]syncline.HealthRule{}
	maps.Copy(all, r.inOne)
	maps.Copy(all, r.single)
	return all
}

// readInOne reads the rules in one text. Those that cannot be read are as before.
func readInOne(text string, before map[string]syncline.HealthRule) (map[string]syncline.HealthRule, error) {
	var entries map[string]any
	if err := yaml.Unmarshal([]byte(text), &entries); err != nil {
		return before, syncline.Errorf(syncline.Invalid, "%s in ConfigMap %s, of which the rules stay as they were: %w", customizations, Name, err)
	}
	rules := map[string]syncline.HealthRule{}
	var failures []error
	for kind, entry := range entries {
		rule, err := readEntry(entry)
		if err != nil {
			failures = append(failures, syncline.Errorf(syncline.Invalid, "%s in ConfigMap %s: %q stays as it was: %w", customizations, Name, kind, err))
			if known, ok := before[kind]; ok {
				rules[kind] = known
			}
			continue
		}
		if rule.Script != "" {
			rule.Origin = fmt.Sprintf("the health rule for %s in %s in ConfigMap %s", kind, customizations, Name)
			rules[kind] = rule
		}
	}
	return rules, errors.Join(failures...)
}

func readEntry(entry any) (rule syncline.HealthRule, err error) {
	fields, ok := entry.(map[string]any)
	if !ok && entry != nil {
		return rule, errors.New("it is not a mapping")
	}
	rule.Remedy = remedy
	if script, ok := fields["health.lua"]; ok {
		if rule.Script, ok = script.(string); !ok {
			return rule, errors.New("health.lua is not a text")
		}
	}
	if open, ok := fields["health.lua.useOpenLibs"]; ok {
		if rule.OpenLibs, ok = open.(bool); !ok {
			return rule, errors.New("health.lua.useOpenLibs is neither true nor false")
		}
	}
	return rule, nil
}

const remedy = "mend it there"

// readSingle reads the rules with a key each. Where it cannot be told whether a
// script may use more libraries, it may not, as by default.
func readSingle(data map[string]string) (map[string]syncline.HealthRule, error) {
	rules := map[string]syncline.HealthRule{}
	var failures []error
	for key, script := range data {
		suffix, ok := strings.CutPrefix(key, customizations+".health.")
		if !ok || script == "" {
			continue
		}
		kind, err := kindOf(suffix)
		if err != nil {
			failures = append(failures, syncline.Errorf(syncline.Invalid, "%s in ConfigMap %s: %w", key, Name, err))
			continue
		}
		rule := syncline.HealthRule{Origin: fmt.Sprintf("%s in ConfigMap %s", key, Name), Remedy: remedy, Script: script}
		libs := customizations + ".useOpenLibs." + suffix
		if text, ok := data[libs]; ok {
			if rule.OpenLibs, err = strconv.ParseBool(text); err != nil {
				failures = append(failures, syncline.Errorf(syncline.Invalid, "%s in ConfigMap %s is %q, neither true nor false", libs, Name, text))
			}
		}
		rules[kind] = rule
	}
	return rules, errors.Join(failures...)
}

// kindOf translates GROUP_KIND, KIND or all.
func kindOf(suffix string) (string, error) {
	group, kind, grouped := strings.Cut(suffix, "_")
	switch {
	case suffix == "all":
		return "*/*", nil
	case !grouped && group != "":
		return group, nil
	case !grouped, strings.Contains(kind, "_"):
		return "", errors.New("its end is not GROUP_KIND, KIND or all")
	}
	return group + "/" + kind, nil
}

// patternsOf returns those of the rules that have wildcards, the longest first.
func patternsOf(rules map[string]syncline.HealthRule) ([]pattern, error) {
	var patterns []pattern
	var failures []error
	for text, rule := range rules {
		if !strings.ContainsAny(text, "*?[{\\") {
			continue
		}
		match := glob.Compile(text)
		if err := match.Err(); err != nil {
			failures = append(failures, syncline.Errorf(syncline.Invalid, "%s: %w", rule.Origin, err))
			continue
		}
		patterns = append(patterns, pattern{match, rule})
	}
	slices.SortFunc(patterns, func(a, b pattern) int {
		x, y := a.match.String(), b.match.String()
		return cmp.Or(cmp.Compare(len(y), len(x)), cmp.Compare(x, y))
	})
	return patterns, errors.Join(failures...)
}
