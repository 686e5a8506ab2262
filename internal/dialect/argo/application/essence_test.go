package application_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

// A name that is too long to be one is in no report and in no message, whatever it names.
func TestANameThatIsNoneIsNotKept(t *testing.T) {
	for field, long := range map[string]func(*v1alpha1.ApplicationSpec) *string{
		"spec.project":                func(s *v1alpha1.ApplicationSpec) *string { return &s.Project },
		"spec.destination.server":     func(s *v1alpha1.ApplicationSpec) *string { return &s.Destination.Server },
		"spec.destination.name":       func(s *v1alpha1.ApplicationSpec) *string { return &s.Destination.Name },
		"spec.destination.namespace":  func(s *v1alpha1.ApplicationSpec) *string { return &s.Destination.Namespace },
		"the source's repoURL":        func(s *v1alpha1.ApplicationSpec) *string { return &s.Source.RepoURL },
		"the source's path":           func(s *v1alpha1.ApplicationSpec) *string { return &s.Source.Path },
		"the source's targetRevision": func(s *v1alpha1.ApplicationSpec) *string { return &s.Source.TargetRevision },
		"the source's chart":          func(s *v1alpha1.ApplicationSpec) *string { return &s.Source.Chart },
		"the source's ref":            func(s *v1alpha1.ApplicationSpec) *string { return &s.Source.Ref },
	} {
		t.Run(field, func(t *testing.T) {
			cr := &v1alpha1.Application{}
			cr.Spec.Source = &v1alpha1.ApplicationSource{RepoURL: "https://git.example.com/x.git"}
			*long(&cr.Spec) = strings.Repeat("ä", 350_000)
			app := application.ToApp(cr, controlPlane)
			if text := fmt.Sprint(app); len(text) > 4096 {
				t.Errorf("%d bytes are kept", len(text))
			}
			if !slices.ContainsFunc(app.Invalid, func(c syncline.Condition) bool {
				return strings.HasPrefix(c.Message, field) && strings.Contains(c.Message, "longer than 4096 bytes")
			}) {
				t.Errorf("nobody says that it is too long: %v", app.Invalid)
			}
		})
	}
}
