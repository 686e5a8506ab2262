package plan

import (
	"context"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/jq"
)

// InProcess runs jq expressions in this process, each for half a second at most.
type InProcess struct{}

// Remove removes what an expression yields.
func (InProcess) Remove(ctx context.Context, _, expression string, object map[string]any) (map[string]any, error) {
	limited, cancel := context.WithTimeout(ctx, time.Second/2)
	defer cancel()
	stripped, err := jq.Remove(limited, expression, object)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, syncline.Errorf(syncline.Invalid, "it does not end")
	}
	return stripped, err
}
