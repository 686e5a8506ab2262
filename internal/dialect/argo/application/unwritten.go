package application

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/visible"
)

// maxRefusal is how much of a refusal a condition repeats.
const maxRefusal = 500

// sayUnwritten writes into an Application's conditions, once, that the API server refuses its
// status and why, as when it is too large: otherwise it would go on saying what it said.
func (s *Store) sayUnwritten(ctx context.Context, id syncline.AppID, refusal error) error {
	entry, _ := s.apps.Entry(id)
	known, ok := entry.Record.(*record)
	if !ok {
		return nil
	}
	said := v1alpha1.ApplicationCondition{
		Type: string(syncline.UnknownError), Message: visible.Clip("the status cannot be written, and is as it was: "+syncline.Explain(refusal), maxRefusal),
	}
	conditions := slices.DeleteFunc(slices.Clone(known.cr.Status.Conditions), func(c v1alpha1.ApplicationCondition) bool { return c.Type == said.Type })
	if slices.ContainsFunc(known.cr.Status.Conditions, func(c v1alpha1.ApplicationCondition) bool { return c.Type == said.Type && c.Message == said.Message }) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": append(conditions, said)}})
	if err != nil {
		return err
	}
	u, err := s.resources.PatchApplication(ctx, id, patch)
	if err == nil {
		s.apps.Keep(s.read(u))
	}
	return err
}
