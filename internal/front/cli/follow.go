package cli

import (
	"context"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/goal"
	"github.com/syncline-io/syncline/internal/front/cli/view"
)

// follow shows the operation that app has been asked for until it is over, or
// waits for a person, and returns the App as it is then or when ctx ended.
func (p *program) follow(ctx context.Context, backend access.Reader, app access.App) (access.App, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	pictures := make(chan access.App)
	ended := make(chan error, 1)
	found := true
	go func() {
		query := access.Query{Namespace: app.ID.Namespace, Name: app.ID.Name}
		ended <- backend.Watch(ctx, query, func(apps []access.App) bool {
			if found = len(apps) > 0; !found {
				return true
			}
			select {
			case pictures <- apps[0]:
				return goal.Over(apps[0].State())
			case <-ctx.Done():
				return true
			}
		})
		close(pictures)
	}()
	last := p.drawAll(app, pictures)
	err := <-ended
	switch {
	case err == nil && ctx.Err() != nil:
		err = ctx.Err()
	case err == nil && !found:
		err = syncline.Errorf(syncline.NotFound, "app %s was deleted", app.ID)
	}
	return last, err
}

// blockerTexts says what the operation of an App waits for.
func blockerTexts(app access.App) []string {
	var texts []string
	for _, blocker := range goal.Waiting(app.Report) {
		texts = append(texts, blocker.String())
	}
	return texts
}

// drawAll shows pictures as they come, and moves the clock between them.
func (p *program) drawAll(app access.App, pictures <-chan access.App) access.App {
	show := p.progress()
	const tick = time.Second
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := app
	for {
		show(view.PictureOf(last.Report, view.Moment{
			Pending: last.Request != nil, Waiting: blockerTexts(last), Now: time.Now(),
		}))
		select {
		case next, more := <-pictures:
			if !more {
				return last
			}
			last = next
		case <-ticker.C:
		}
	}
}

// progress returns what shows the picture of a sync on stderr: drawn in place
// on a terminal, else lines for what is new.
func (p *program) progress() func(view.Picture) {
	palette := p.err.Palette()
	if p.quiet {
		return func(view.Picture) {}
	}
	if draw, room, ok := p.err.Screen(); ok {
		return func(picture view.Picture) {
			_ = draw(picture.Lines(palette, room())) // what cannot be shown is no reason to stop
		}
	}
	var before view.Picture
	return func(picture view.Picture) {
		p.err.Lines(picture.News(before, palette)...)
		before = picture
	}
}
