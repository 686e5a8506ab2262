package cli

import (
	"context"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli/access"
)

// watching says what --watch shows.
type watching struct {
	query  access.Query
	format format
	// filter keeps some of the Apps; nil keeps all.
	filter func([]access.App) []access.App
	// draw lays out all Apps that there are. Nothing is drawn over when stdout
	// is not a terminal: then the lines that are new are printed.
	draw func([]access.App) []string
	// once ends it when no App is left.
	once bool
}

// watch shows Apps until ctx ends.
func (p *program) watch(ctx context.Context, backend access.Reader, w watching) error {
	show := p.linesOf(w)
	if w.format == formatJSON || w.format == formatYAML || w.format == formatName {
		show = p.documentsOf(w)
	}
	var failed error
	err := backend.Watch(ctx, w.query, func(apps []access.App) bool {
		if w.filter != nil {
			apps = w.filter(apps)
		}
		failed = show(apps)
		return failed != nil || w.once && len(apps) == 0
	})
	if failed != nil {
		return failed
	}
	return err
}

// linesOf draws in place on a terminal, and prints new lines elsewhere.
func (p *program) linesOf(w watching) func([]access.App) error {
	if draw, _, ok := p.out.Screen(); ok {
		return func(apps []access.App) error { return draw(w.draw(apps)) }
	}
	printed := map[string]bool{}
	return func(apps []access.App) error {
		lines := w.draw(apps)
		now := map[string]bool{}
		for _, text := range lines {
			now[text] = true
			if !printed[text] {
				p.printLines([]string{text})
			}
		}
		printed = now
		return nil
	}
}

// documentsOf prints each App as a document, again when it changed.
func (p *program) documentsOf(w watching) func([]access.App) error {
	printed := map[syncline.AppID]any{}
	return func(apps []access.App) error {
		for _, app := range apps {
			version := app.ResourceVersion()
			if printed[app.ID] == version && version != "" {
				continue
			}
			printed[app.ID] = version
			if err := p.printDocument(w.format, app); err != nil {
				return err
			}
		}
		return nil
	}
}

func (p *program) printDocument(f format, app access.App) error {
	switch f {
	case formatName:
		p.printLines([]string{app.ID.String()})
		return nil
	case formatYAML:
		p.printLines([]string{"---"})
	}
	return encode(p.out, f, app.Manifest)
}
