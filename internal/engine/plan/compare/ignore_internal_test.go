package compare

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline-io/syncline"
)

// slow takes its time for each expression; what is called "endless" is stopped.
type slow struct {
	takes time.Duration
	tried *int
}

func (s slow) Remove(_ context.Context, project, expression string, object map[string]any) (map[string]any, error) {
	*s.tried++
	<-time.After(s.takes) // of the test's clock
	if project != "shop" {
		return nil, syncline.Errorf(syncline.Internal, "it is from the share of %q", project)
	}
	if strings.HasPrefix(expression, "endless") {
		return nil, syncline.Errorf(syncline.Invalid, "it does not end")
	}
	return object, nil
}

func TestExpressionsHaveABudget(t *testing.T) {
	many := func(name string, count int) []string {
		var found []string
		for i := range count {
			found = append(found, fmt.Sprint(name, i))
		}
		return found
	}
	for name, test := range map[string]struct {
		expressions []string
		takes       time.Duration
		tried       int
		want        string
	}{
		"some":                {expressions: many("quick", 10), takes: time.Millisecond, tried: 10},
		"endless ones":        {expressions: many("endless", 200), takes: 2 * time.Second, tried: 2, want: "the others are not tried"},
		"ones that take long": {expressions: many("long", 200), takes: 1900 * time.Millisecond, tried: 16, want: "took longer than 30s"},
		"too many":            {expressions: many("quick", 201), tried: 200, want: "more than 200 jq expressions"},
		"one too long":        {expressions: []string{strings.Repeat("x", 20_000)}, want: "longer than 16384"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tried := 0
				app := syncline.App{Project: "shop", Ignore: []syncline.IgnoreRule{{JQPathExpressions: test.expressions}}}
				err := NewIgnored(slow{takes: test.takes, tried: &tried}, app, nil).Check(t.Context())
				if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("got %v, want %q", err, test.want)
				}
				if tried != test.tried {
					t.Errorf("%d were tried, want %d", tried, test.tried)
				}
			})
		})
	}
}
