package cli

import (
	"context"

	"github.com/syncline-io/syncline"
)

// watching says what --watch shows.
type watching struct {
	query  Query
	format format
	// filter keeps some of the Apps; nil keeps all.
	filter func([]App) []App
	// draw lays out all Apps that there are. Nothing is drawn over when stdout
	// is not a terminal: then the lines that are new are printed.
	draw func([]App) []string
	// once ends it when no App is left.
	once bool
}

// watch shows Apps until ctx ends.
func (p *program) watch(ctx context.Context, backend Reader, w watching) error {
	show := p.linesOf(w)
	if w.format == formatJSON || w.format == formatYAML || w.format == formatName {
		show = p.documentsOf(w)
	}
	var failed error
	err := backend.Watch(ctx, w.query, func(apps []App) bool {
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
func (p *program) linesOf(w watching) func([]App) error {
	if draw, _, ok := p.out.Screen(); ok {
		return func(apps []App) error { return draw(w.draw(apps)) }
	}
	printed := map[string]bool{}
	return func(apps []App) error {
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
func (p *program) documentsOf(w watching) func([]App) error {
	printed := map[syncline.AppID]any{}
	return func(apps []App) error {
		for _, app := range apps {
			version := resourceVersion(app.Manifest)
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

func (p *program) printDocument(f format, app App) error {
	switch f {
	case formatName:
		p.printLines([]string{app.ID.String()})
		return nil
	case formatYAML:
		p.printLines([]string{"---"})
	}
	return encode(p.out, f, app.Manifest)
}
