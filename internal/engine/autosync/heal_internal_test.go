package autosync

import (
	"testing"
	"time"

	"github.com/syncline-io/syncline"
)

func TestHealPause(t *testing.T) {
	for attempts, want := range map[int64]time.Duration{
		0: 0, 1: 2 * time.Second, 2: 6 * time.Second, 3: 18 * time.Second, 6: 5 * time.Minute, 1 << 62: 5 * time.Minute,
	} {
		if got := healPause(attempts); got != want {
			t.Errorf("before repair %d it waits %s, want %s", attempts+1, got, want)
		}
	}
}

func TestRepairs(t *testing.T) {
	for name, test := range map[string]struct {
		change   syncline.Change
		prune    bool
		repaired bool
	}{
		"what drifted":         {change: syncline.Change{Action: syncline.Update}, repaired: true},
		"what was deleted":     {change: syncline.Change{Action: syncline.Create}, repaired: true},
		"what left the source": {change: syncline.Change{Action: syncline.Prune}, prune: true, repaired: true},
		"without prune":        {change: syncline.Change{Action: syncline.Prune}},
		"what is kept":         {change: syncline.Change{Action: syncline.Retain}, prune: true},
		"another App's":        {change: syncline.Change{Action: syncline.Update, SharedWith: "other"}},
		"what is drawn":        {change: syncline.Change{Action: syncline.Update, Drawn: true}},
	} {
		if got := repairs([]syncline.Change{test.change}, test.prune); (len(got) > 0) != test.repaired {
			t.Errorf("%s: repaired are %v", name, got)
		}
	}
}
