package plan

import (
	"context"
	"fmt"
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
		b.warn(syncline.OptionWarning, "sync options that there are not, which change nothing: "+firstFew(found))
	}
	return nil
}
