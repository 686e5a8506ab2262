package goal

import (
	"fmt"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/command"
)

// Wait follows several Apps towards one goal.
type Wait struct {
	// Failed is why the goal cannot be reached by one of them; nil while it may be.
	Failed error

	goal     Goal
	ids      []syncline.AppID
	said     map[syncline.AppID]string
	blockers map[syncline.AppID][]string
	// unseen is an App that no agent has looked at.
	unseen syncline.AppID
}

// NewWait returns a Wait that has not looked at any of the Apps yet.
func NewWait(wanted Goal, ids []syncline.AppID) *Wait {
	return &Wait{goal: wanted, ids: ids, said: map[syncline.AppID]string{}}
}

// Holds reports whether the goal held for all Apps when they were looked at last.
func (w *Wait) Holds() bool { return len(w.blockers) == 0 }

// Look judges all Apps again, as they are now, and returns a line for each that
// stands otherwise than before. One that is not there is judged as that.
func (w *Wait) Look(now map[syncline.AppID]command.State) []string {
	w.blockers, w.unseen = map[syncline.AppID][]string{}, syncline.AppID{}
	var news []string
	for _, id := range w.ids {
		var app *command.State
		if state, exists := now[id]; exists {
			app = &state
			if state.Report.Sync == "" {
				w.unseen = id
			}
		}
		v := w.goal.Judge(id, app)
		text := fmt.Sprintf("%s is %s", id, w.goal)
		switch {
		case v.Failed != nil:
			w.Failed = v.Failed
			continue
		case !v.Holds():
			w.blockers[id] = v.Blockers
			text = fmt.Sprintf("%s: waiting: %s", id, v.Blockers[0])
		}
		if w.said[id] != text {
			w.said[id] = text
			news = append(news, text)
		}
	}
	return news
}

// Timeout is the error when the goal is not reached in time. It lists what blocks.
func (w *Wait) Timeout(after string) error {
	which := fmt.Sprintf("%d of %d apps are", len(w.blockers), len(w.ids))
	if len(w.ids) == 1 {
		which = w.ids[0].String() + " is"
	}
	out := &Error{Err: syncline.Errorf(syncline.Waiting, "%s not %s after %s", which, w.goal, after)}
	if w.unseen != (syncline.AppID{}) {
		out.Err = syncline.WithHint(out.Err,
			fmt.Sprintf("no agent has looked at %s yet: does one run, and is %s its namespace?", w.unseen, w.unseen.Namespace))
	}
	for _, id := range w.ids {
		for _, blocker := range w.blockers[id] {
			out.Details = append(out.Details, fmt.Sprintf("%s: %s", id, blocker))
		}
	}
	return out
}
