// Package gather renders the sources of an App together: each with the files of its
// revision, with those that it reaches by the names of others, and with what it needs from
// elsewhere, as far as the project permits that. It resolves what is elsewhere and says
// what it was, so that the App can follow it. It compares nothing with what is live.
package gather

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/affected"
	"github.com/syncline-io/syncline/internal/engine/policy"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/render/record"
)

// Sources yields what sources hold.
type Sources interface {
	// Resolve returns the revision that the source's target revision names. What was
	// learned up to maxAge ago will do.
	Resolve(ctx context.Context, app syncline.App, source syncline.Source, maxAge time.Duration) (string, error)
	// Tree returns the files of a revision, fetching it if need be.
	Tree(ctx context.Context, app syncline.App, source syncline.Source, revision string) (syncline.Tree, error)
}

// Renderer turns files into objects.
type Renderer interface {
	Render(ctx context.Context, request render.Request) (render.Result, error)
	// Forget drops what is remembered of an App that is gone.
	Forget(id syncline.AppID)
}

// Gatherer renders the sources of Apps. It is safe for concurrent use by different Apps;
// use [New].
type Gatherer struct {
	sources  Sources
	renderer Renderer

	mu sync.Mutex
	// fixed are the revisions of what is elsewhere that an operation of an App delivers.
	fixed map[syncline.AppID]fixed
}

// fixed are the revisions that an operation has delivered something of, by
// [upstream.Remote.Ref].
type fixed struct {
	operation time.Time
	revisions map[string]string
}

// New returns a Gatherer over what yields files and what renders them.
func New(sources Sources, renderer Renderer) *Gatherer {
	return &Gatherer{sources: sources, renderer: renderer, fixed: map[syncline.AppID]fixed{}}
}

// Request asks what sources of an App render to at revisions, one for each.
type Request struct {
	App       syncline.App
	Project   syncline.Project
	Sources   []syncline.Source
	Revisions []string
	// Asked are the sources with what was asked for in place of their target revisions, by
	// which their files are had: what has to be signed may be that.
	Asked []syncline.Source
	// Cluster is what templates may know of the destination.
	Cluster syncline.Capabilities
	// Given is what was given before, and is given again as it was.
	Given []affected.Given
	// Apart renders even what is remembered, and remembers nothing of it.
	Apart bool
	// MaxAge is how old the knowledge may be of what is elsewhere.
	MaxAge time.Duration
	// Operation is when the operation began that the objects are for; zero when for none.
	// All that it delivers is of the revisions that it began with, as far as this process
	// has seen them.
	Operation time.Time
}

// Gathered is what sources render to together.
type Gathered struct {
	Objects  []syncline.Object
	Warnings []syncline.Condition
	// Tools and Rendered are of each source.
	Tools    []syncline.Tool
	Rendered []affected.Rendered
	// Given is what was asked for from elsewhere, also of an attempt that failed.
	Given []affected.Given
}

// Render renders every source.
func (g *Gatherer) Render(ctx context.Context, request Request) (Gathered, error) {
	gathering := &gathering{Gatherer: g, Request: request, trees: map[string]syncline.Tree{}}
	err := gathering.render(ctx)
	return gathering.made, err
}

// Forget drops what is remembered of an App.
func (g *Gatherer) Forget(id syncline.AppID) {
	g.renderer.Forget(id)
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.fixed, id)
}

// gathering is one request in the making.
type gathering struct {
	*Gatherer
	Request
	made Gathered
	// trees are those of what is elsewhere, by [upstream.Remote.Ref].
	trees map[string]syncline.Tree
}

func (g *gathering) render(ctx context.Context) error {
	trees, refs, err := g.own(ctx)
	if err != nil {
		return err
	}
	for i, source := range g.Sources {
		var made render.Result
		if len(g.Sources) > 1 && source.IsOnlyRead() {
			made.Reads = record.New(record.Inputs{}).Reads() // of nothing
		} else if made, err = g.renderer.Render(ctx, render.Request{
			ID: g.App.ID, App: g.App.ID.Name, Instance: g.App.Instance, Dialect: g.App.Dialect, Project: g.App.Project,
			Namespace: g.App.Destination.Namespace, Source: source, Revision: g.Revisions[i],
			Files: syncline.Files{Tree: trees[i], Refs: refs}, Cluster: g.Cluster,
			Delivered: render.Delivered(g.App.Past, source, g.Revisions[i]),
			At: func(ctx context.Context, revision string) (syncline.Tree, error) {
				return g.sources.Tree(ctx, g.App, source, revision)
			},
			Remote: g.remote,
			Fresh:  g.App.Refresh == syncline.RefreshHard,
			Apart:  g.Apart,
		}); err != nil {
			return err
		}
		g.made.Objects = append(g.made.Objects, made.Objects...)
		g.made.Warnings = append(g.made.Warnings, made.Warnings...)
		g.made.Tools = append(g.made.Tools, made.Tool)
		g.made.Rendered = append(g.made.Rendered, affected.Rendered{Source: source, Revision: g.Revisions[i], Reads: made.Reads})
	}
	return nil
}

// own returns the files of each source, and those that the others of several reach by the
// name of their source.
func (g *gathering) own(ctx context.Context) (trees []syncline.Tree, refs map[string]syncline.Tree, err error) {
	for i, source := range g.Sources {
		tree, err := g.sources.Tree(ctx, g.App, g.Asked[i], g.Revisions[i])
		if err != nil {
			return nil, nil, err
		}
		trees = append(trees, tree)
		if source.Ref == "" || len(g.Sources) == 1 {
			continue
		}
		if _, taken := refs[source.Ref]; taken {
			return nil, nil, syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "sources[%d].ref is %q, as that of another source", i, source.Ref), "give each its own")
		}
		if refs == nil {
			refs = map[string]syncline.Tree{}
		}
		refs[source.Ref] = tree
	}
	return trees, refs, nil
}

// remote returns the files of what a source needs from elsewhere: once for all sources, and
// only if the project lets its Apps have it.
func (g *gathering) remote(ctx context.Context, remote upstream.Remote) (syncline.Tree, error) {
	ref, source := remote.Ref(), syncline.Source{RepoURL: remote.RepoURL, Chart: remote.Chart, TargetRevision: remote.TargetRevision, File: remote.File}
	if tree := g.trees[ref]; tree != nil {
		return tree, nil
	}
	if err := policy.CheckSources(g.Project, []syncline.Source{source}); err != nil {
		return nil, err
	}
	given := affected.Given{Source: source, Ref: ref}
	revision, err := g.revision(ctx, source, ref)
	if err == nil {
		given.Revision = revision
		g.trees[ref], err = g.sources.Tree(ctx, g.App, source, revision)
	}
	g.made.Given = append(g.made.Given, given)
	return g.trees[ref], err
}

// revision returns the revision that a source elsewhere is at.
func (g *gathering) revision(ctx context.Context, source syncline.Source, ref string) (string, error) {
	if i := slices.IndexFunc(g.Given, func(given affected.Given) bool { return given.Ref == ref }); i >= 0 {
		return g.Given[i].Revision, nil
	}
	if known, ok := g.fixedAt(ref); ok {
		return known, nil
	}
	revision, err := g.sources.Resolve(ctx, g.App, source, g.MaxAge)
	if err == nil && !g.Operation.IsZero() {
		g.fix(ref, revision)
	}
	return revision, err
}

// fixedAt returns the revision that the operation delivers of what is elsewhere.
func (g *gathering) fixedAt(ref string) (revision string, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	known := g.fixed[g.App.ID]
	if g.Operation.IsZero() || !known.operation.Equal(g.Operation) {
		return "", false
	}
	revision, ok = known.revisions[ref]
	return revision, ok
}

// fix takes note of a revision that the operation delivers from here on.
func (g *gathering) fix(ref, revision string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	known := g.fixed[g.App.ID]
	if !known.operation.Equal(g.Operation) {
		known = fixed{operation: g.Operation, revisions: map[string]string{}}
	}
	known.revisions[ref] = revision
	g.fixed[g.App.ID] = known
}
