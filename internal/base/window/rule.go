package window

import (
	"errors"
	"slices"

	"github.com/syncline-io/syncline/internal/base/glob"
)

// Rule is a Window that allows or denies something to some.
type Rule struct {
	Window
	// Denies says that it denies while it is open; else it allows.
	Denies bool
	// Apps, Namespaces and Clusters name whom it concerns: who is named by one of them,
	// or with All by each that names anything.
	Apps, Namespaces, Clusters []glob.Pattern
	All                        bool
	// Manual says that it does not keep people from anything, and Overrun that it does
	// not end what began in time.
	Manual, Overrun bool
}

// Concerns reports whether a rule is about an App that delivers to a namespace of a
// cluster of these names.
func (r Rule) Concerns(app, namespace string, cluster ...string) bool {
	named := false
	for _, part := range []struct {
		patterns []glob.Pattern
		names    []string
	}{{r.Apps, []string{app}}, {r.Namespaces, []string{namespace}}, {r.Clusters, cluster}} {
		matches := slices.ContainsFunc(part.patterns, func(pattern glob.Pattern) bool { return slices.ContainsFunc(part.names, pattern.Matches) })
		if r.All && len(part.patterns) > 0 && !matches {
			return false
		}
		named = named || matches
	}
	return named
}

// Err joins why patterns cannot be read, nil when all can.
func (r Rule) Err() error {
	var errs []error
	for _, pattern := range slices.Concat(r.Apps, r.Namespaces, r.Clusters) {
		errs = append(errs, pattern.Err())
	}
	return errors.Join(errs...)
}
