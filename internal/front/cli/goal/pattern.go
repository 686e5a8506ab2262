package goal

import (
	"path"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
)

// Pattern chooses objects. Its parts are globs; an empty Namespace matches any.
type Pattern struct {
	Group, Kind, Namespace, Name string
	// Exclude leaves the objects out instead.
	Exclude bool
}

// ParsePattern reads GROUP:KIND:NAME or GROUP:KIND:NAMESPACE/NAME, as the
// argocd command line has them, with "!" in front to exclude.
func ParsePattern(value string) (Pattern, error) {
	text, exclude := strings.CutPrefix(value, "!")
	parts := strings.Split(text, ":")
	if len(parts) != 3 || parts[1] == "" || parts[2] == "" {
		return Pattern{}, syncline.Errorf(syncline.Invalid,
			"%q is not GROUP:KIND:NAME or GROUP:KIND:NAMESPACE/NAME, such as apps:Deployment:web or :Service:shop/web", value)
	}
	namespace, name, qualified := strings.Cut(parts[2], "/")
	if !qualified {
		namespace, name = "", parts[2]
	}
	for _, part := range []string{parts[0], parts[1], namespace, name} {
		if _, err := path.Match(part, ""); err != nil {
			return Pattern{}, syncline.Errorf(syncline.Invalid, "%q: %q is not a pattern", value, part)
		}
	}
	return Pattern{Group: parts[0], Kind: parts[1], Namespace: namespace, Name: name, Exclude: exclude}, nil
}

// fits reports whether the pattern is about the ref, excluding or not.
func (p Pattern) fits(ref syncline.Ref) bool {
	one := func(glob, text string) bool {
		ok, _ := path.Match(glob, text) // the glob was tried when it was read
		return ok
	}
	return one(p.Group, ref.Group) && one(p.Kind, ref.Kind) && one(p.Name, ref.Name) &&
		(p.Namespace == "" || one(p.Namespace, ref.Namespace))
}

// exact reports whether the pattern names one object.
func (p Pattern) exact() bool {
	return !p.Exclude && !strings.ContainsAny(p.Group+p.Kind+p.Namespace+p.Name, `*?[\`)
}

// Matches reports whether the patterns choose the ref: one of those that do not
// exclude, or there is none of them, and none of those that do.
func Matches(patterns []Pattern, ref syncline.Ref) bool {
	including, included := false, false
	for _, p := range patterns {
		switch {
		case p.Exclude && p.fits(ref):
			return false
		case !p.Exclude:
			including = true
			included = included || p.fits(ref)
		}
	}
	return included || !including
}

// Selectors turns patterns into what an operation takes: the objects of the App
// that they choose. An App that was never compared has none yet: patterns that
// each name one object are taken at their word then.
func Selectors(patterns []Pattern, objects []syncline.ObjectReport) []syncline.Selector {
	var selectors []syncline.Selector
	add := func(s syncline.Selector) {
		if !slices.Contains(selectors, s) {
			selectors = append(selectors, s)
		}
	}
	if len(objects) == 0 && !slices.ContainsFunc(patterns, func(p Pattern) bool { return !p.exact() }) {
		for _, p := range patterns {
			add(syncline.Selector{Group: p.Group, Kind: p.Kind, Namespace: p.Namespace, Name: p.Name})
		}
		return selectors
	}
	for _, object := range objects {
		if !object.Hook && Matches(patterns, object.Ref) {
			add(SelectorOf(object.Ref))
		}
	}
	return selectors
}

// SelectorOf chooses exactly one object.
func SelectorOf(ref syncline.Ref) syncline.Selector {
	return syncline.Selector{Group: ref.Group, Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name}
}

// Labelled returns the planned objects with the labels that the patterns allow.
func Labelled(plan syncline.Plan, labels map[string]string, patterns []Pattern) []syncline.Selector {
	var selectors []syncline.Selector
	for _, change := range plan.Changes {
		if change.Desired.IsZero() || change.Role != syncline.RoleResource || !Matches(patterns, change.Ref) {
			continue
		}
		has := change.Desired.Labels()
		all := true
		for name, value := range labels {
			all = all && has[name] == value
		}
		if all {
			selectors = append(selectors, SelectorOf(change.Ref))
		}
	}
	return selectors
}
