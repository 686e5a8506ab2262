package autosync

import (
	"time"

	"github.com/syncline-io/syncline"
)

// healQuiet is how long an App has to stay as declared for its repairs to be
// counted anew.
const healQuiet = time.Minute

// healPause is the pause before another repair: none before the first, then
// 2 s, three times as long each time, at most 5 min.
func healPause(attempts int64) time.Duration {
	const first, longest = 2 * time.Second, 5 * time.Minute
	if attempts == 0 {
		return 0
	}
	pause := first
	for range attempts - 1 {
		if pause *= 3; pause >= longest {
			return longest
		}
	}
	return pause
}

// repairs returns the objects that are repaired of those that differ, nil for none. It
// leaves alone what another App claims, what is kept, and what the source draws anew at each
// rendering, which is no drift.
func repairs(differing []syncline.Change, prune bool) []syncline.Selector {
	var selection []syncline.Selector
	for _, c := range differing {
		kept := c.Action == syncline.Retain || c.Action == syncline.Prune && !prune
		if c.SharedWith == "" && !kept && !c.Drawn {
			selection = append(selection, syncline.Selector{
				Group: c.Ref.Group, Kind: c.Ref.Kind, Name: c.Ref.Name, Namespace: c.Ref.Namespace,
			})
		}
	}
	return selection
}
