package wake

import (
	"context"
	"sync"

	"github.com/syncline-io/syncline"
)

// MaxPending is how many repositories may wait to be looked at.
const MaxPending = 1000

// Commit makes the Apps due that a change of the refs of a repository touches, as soon
// as [Waker.Follow] has found out which these are. It does not wait.
func (w *Waker) Commit(repoKey string) {
	select {
	case w.Pending <- repoKey:
	default: // so many at once that nobody looks which Apps they touch
		for _, id := range w.Declarations.OfRepository(repoKey) {
			if app, ok := w.Apps.App(id); ok {
				w.Commits.Expect(app)
				w.tell(id, app.Project, Touched)
			}
		}
	}
}

// Follow finds out which Apps are touched by commits, until ctx is done.
func (w *Waker) Follow(ctx context.Context) {
	var group sync.WaitGroup
	defer group.Wait()
	for {
		select {
		case repoKey := <-w.Pending:
			group.Go(func() { w.follow(ctx, repoKey) })
		case <-ctx.Done():
			return
		}
	}
}

// follow makes the Apps of a repository due: those now that its new revisions touch. Of
// the others only the revision in their status is to be changed.
func (w *Waker) follow(ctx context.Context, repoKey string) {
	touched := map[syncline.AppID]bool{}
	for _, id := range w.Commits.Touched(ctx, repoKey) {
		touched[id] = true
		w.markAll([]syncline.AppID{id}, Touched)
	}
	for _, id := range w.Commits.Followers(repoKey) {
		if !touched[id] {
			w.tell(id, "", Passed)
		}
	}
}
