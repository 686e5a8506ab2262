package project

import (
	"fmt"

	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/glob"
	"github.com/syncline-io/syncline/internal/base/window"
)

// toWindows translates sync windows. The error names the first that cannot be read.
func toWindows(declared []v1alpha1.SyncWindow) ([]window.Rule, error) {
	var rules []window.Rule
	globs := func(texts []string) []glob.Pattern {
		return each(texts, func(text string) glob.Pattern { return glob.Compile(text) })
	}
	for i, w := range declared {
		comes, err := window.New(w.Schedule, w.Duration, w.TimeZone)
		if err == nil && w.Kind != "allow" && w.Kind != "deny" {
			err = fmt.Errorf("kind %q is neither allow nor deny", w.Kind)
		}
		if err != nil {
			return nil, fmt.Errorf("spec.syncWindows[%d]: %w", i, err)
		}
		rules = append(rules, window.Rule{
			Window: comes, Denies: w.Kind == "deny", Manual: w.ManualSync, Overrun: w.SyncOverrun, All: w.UseAndOperator,
			Apps: globs(w.Applications), Namespaces: globs(w.Namespaces), Clusters: globs(w.Clusters),
		})
	}
	return rules, nil
}
