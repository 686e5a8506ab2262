package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/base/visible"
)

// warnOptions warns of sync options that there are not, of the App and of what it
// declares: whoever wrote one relies on it.
func (b *build) warnOptions(context.Context) error {
	var found []string
	note := func(where string, options option.List) {
		if unknown := options.Unknown(); unknown != nil {
			found = append(found, fmt.Sprintf("%s (%s)", where, visible.Clip(strings.Join(unknown, ", "), longest)))
		}
	}
	note("spec.syncPolicy.syncOptions", b.App.Policy.Options)
	for _, c := range b.changes {
		if !c.Desired.IsZero() {
			note(c.Ref.String(), b.read(c.Desired).Options)
		}
	}
	if len(found) > 0 {
		b.warn(syncline.OptionWarning, "sync options that there are not, which change nothing, but that those of Prune and Delete keep what they may be to keep: "+firstFew(found))
	}
	return nil
}

// warnSlips warns of annotations that mean nothing and nearly have the key of one that does.
func (b *build) warnSlips(context.Context) error {
	var found []string
	for _, c := range b.changes {
		if c.Desired.IsZero() {
			continue
		}
		annotations := c.Desired.Annotations()
		for _, key := range slices.Sorted(maps.Keys(annotations)) {
			if meant := b.App.Dialect.Conventions.Slip(key); meant != "" {
				found = append(found, fmt.Sprintf("%s (%s: did you mean %s?)", c.Ref, visible.Clip(key, longest), meant))
			}
		}
	}
	if len(found) > 0 {
		b.warn(syncline.AnnotationWarning, "annotations that mean nothing, but that what they say to keep is kept: "+firstFew(found))
	}
	return nil
}

// warnIgnore warns of jq expressions that are not obeyed.
func (b *build) warnIgnore(context.Context) error {
	for _, fault := range b.ignored.Faults() {
		b.warn(syncline.InvalidSpecError, fault)
	}
	return nil
}
