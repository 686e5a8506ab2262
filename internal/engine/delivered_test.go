package engine_test

import (
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// folder is a world whose App has a folder of manifests in a repository.
func folder(t *testing.T, files map[string]string) *paired {
	t.Helper()
	p := pair(t)
	p.app.Sources = []syncline.Source{{RepoURL: p.values.URL, Path: "app", TargetRevision: "main"}}
	p.forget()
	p.push(t, p.values, files)
	return p
}

// forget gives the App an engine and a renderer that remember nothing, as a restart does.
func (p *paired) forget() {
	p.renderer = &counted{Renderer: render.New(render.Tools{Dialects: syncline.Dialects{convention.Dialect()}}, render.Options{})}
	p.engine = engine.New(source.New(p.resolver, anonymous{}, nil), p.renderer, p, p, engine.Options{Now: func() time.Time { return p.now }})
}

// TestWhatGaveObjectsIsStillKnownAfterARestart changes a manifest into something else
// while nobody looks.
func TestWhatGaveObjectsIsStillKnownAfterARestart(t *testing.T) {
	const gave = "app/a.yaml gave objects before, and is no manifest any more"
	something := map[string]string{"app/a.yaml": "data: {x: a}\n"}
	files := map[string]string{"app/a.yaml": config("a", "1"), "app/b.yaml": config("b", "1"), "app/values.yaml": "replicas: 1\n"}
	for name, meanwhile := range map[string]func(t *testing.T, p *paired){
		"in sync":             func(*testing.T, *paired) {},
		"and changed by hand": func(t *testing.T, p *paired) { p.app.Past.Sync = syncline.OutOfSync },
		"and empty in between, which was not delivered": func(t *testing.T, p *paired) {
			p.app.Policy = syncline.SyncPolicy{}
			p.push(t, p.values, map[string]string{"app/a.yaml": "# nothing\n"})
			p.settle(t)
			p.expectSync(t, syncline.OutOfSync, p.last.Revisions...)
			p.automate()
		},
		"and the last operation stopped halfway": func(t *testing.T, p *paired) {
			p.app.Past.History, p.app.Past.Sync, p.app.Past.Revisions = nil, syncline.OutOfSync, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := folder(t, files)
			p.automate()
			p.settle(t)
			p.expectSync(t, syncline.Synced, p.last.Revisions...)
			meanwhile(t, p)
			p.wrote()
			p.push(t, p.values, something)
			for range 2 {
				p.forget()
				p.settle(t)
				p.expectCondition(t, syncline.ComparisonError, gave)
			}
			p.expectWrites(t)
			p.push(t, p.values, map[string]string{"app/a.yaml": "# nothing any more\n"})
			p.settle(t)
			p.expectWrites(t, "prune ConfigMap/shop/a")
		})
	}
}

// TestWhatMovedToAnotherFileIsStillKnown moves an object to another file, for which there is
// nothing to do, and breaks it there.
func TestWhatMovedToAnotherFileIsStillKnown(t *testing.T) {
	p := folder(t, map[string]string{"app/a.yaml": config("a", "1"), "app/b.yaml": config("b", "1")})
	p.automate()
	p.settle(t)
	p.wrote()
	p.push(t, p.values, map[string]string{"app/a.yaml": "# it moved\n", "app/c.yaml": config("a", "1")})
	p.settle(t)
	p.expectSync(t, syncline.Synced, p.last.Revisions...)
	for _, broken := range []string{"data: {x: a}\n", "data: {x: b}\n"} {
		p.push(t, p.values, map[string]string{"app/c.yaml": broken})
		for range 2 {
			p.settle(t)
			p.expectCondition(t, syncline.ComparisonError, "app/c.yaml gave objects before, and is no manifest any more")
			p.forget()
		}
	}
	p.expectWrites(t)
}

// TestWhatNeverGaveObjectsIsPassedOver changes what is beside manifests.
func TestWhatNeverGaveObjectsIsPassedOver(t *testing.T) {
	p := folder(t, map[string]string{"app/b.yaml": config("b", "1"), "app/values.yaml": "replicas: 1\n"})
	p.automate()
	p.settle(t)
	p.push(t, p.values, map[string]string{"app/values.yaml": "replicas: 2\n", "app/more.yaml": "x: 1\n", "app/b.yaml": config("b", "2")})
	p.forget()
	p.settle(t)
	p.expectSync(t, syncline.Synced, p.last.Revisions...)
	if err := p.settle(t).Err; err != nil {
		t.Error(err)
	}
}

// TestWhatWasDeliveredCannotBeHad: what a file gave is not known then, and nothing is
// left out on a guess.
func TestWhatWasDeliveredCannotBeHad(t *testing.T) {
	p := folder(t, map[string]string{"app/a.yaml": config("a", "1"), "app/b.yaml": config("b", "1")})
	p.automate()
	p.settle(t)
	p.wrote()
	p.app.Past.Operation, p.app.Past.Sync = nil, syncline.OutOfSync
	p.app.Past.History[0].Revisions = []string{"0123456789012345678901234567890123456789"}
	p.app.Past.Revisions = p.app.Past.History[0].Revisions
	p.push(t, p.values, map[string]string{"app/a.yaml": "data: {x: a}\n"})
	p.forget()
	result := p.outlast(t, 20*time.Second)
	if result.Err == nil {
		t.Error("it is no error")
	}
	p.expectCondition(t, syncline.ComparisonError, "app/a.yaml is no manifest, and it cannot be told whether it was one when it was delivered")
	p.expectWrites(t)
}
