// Package access is what commands are given: Apps to look at and to ask, and an
// engine, a renderer and an agent to run. It says what they can do; others do it.
package access

import (
	"cmp"
	"context"
	"io"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/command"
)

// App is an App as people look at it: what it declares, what became of it, and
// the resource that says both.
type App struct {
	syncline.App
	// Report is the last one that was written down; its Waiting may be empty.
	Report syncline.Report
	// Manifest is the resource as the API server gives it, status included.
	// Callers do not change it.
	Manifest map[string]any
}

// State is what somebody can wait for.
func (a App) State() command.State { return command.State{App: a.App, Report: a.Report} }

// Asked returns the command that asks something of this very App, as the command line.
func (a App) Asked(verb command.Verb) command.Command {
	return command.Command{App: a.ID, UID: a.UID, By: syncline.Initiator{Username: initiator}, Verb: verb}
}

// initiator is who a command of the command line says that it is by. The API server's
// audit log knows the person.
const initiator = "syncline-cli"

// ResourceVersion returns that of the resource as it was read.
func (a App) ResourceVersion() string {
	version, _, _ := unstructured.NestedString(a.Manifest, "metadata", "resourceVersion")
	return version
}

// Query chooses Apps.
type Query struct {
	// Namespace is that of the resources; empty means all.
	Namespace string
	// Name chooses one; empty means all.
	Name string
	// Selector is a label selector as Kubernetes writes it; empty means all.
	Selector string
}

// QueryFor returns the narrowest query that covers the Apps.
func QueryFor(apps []App) Query {
	query := Query{Namespace: apps[0].ID.Namespace}
	if len(apps) == 1 {
		query.Name = apps[0].ID.Name
	}
	for _, app := range apps {
		if app.ID.Namespace != query.Namespace {
			query.Namespace = ""
		}
	}
	return query
}

// Reader looks at Apps. Errors are of the kinds of package syncline.
type Reader interface {
	// Get returns one App, or a NotFound error.
	Get(ctx context.Context, id syncline.AppID) (App, error)
	// List returns the chosen Apps, sorted by namespace and name.
	List(ctx context.Context, query Query) ([]App, error)
	// Watch calls see with all of the chosen Apps, sorted: at once, and again
	// after each change, until see returns true, which ends it without an error,
	// or until ctx is done. The first picture is at least as new as everything
	// that the Writer wrote before.
	Watch(ctx context.Context, query Query, see func([]App) (done bool)) error
}

// Commander has commands carried out. Errors are of the kinds of package syncline.
type Commander interface {
	// Check says what is wrong with a command whatever there is, as an Invalid error.
	// It sends nothing anywhere.
	Check(c command.Command) error
	// Do carries out a command. When what the command presumes does not hold, it is an
	// error that says why, and nothing was written.
	Do(ctx context.Context, c command.Command) (Outcome, error)
}

// Outcome is what a command came to.
type Outcome struct {
	// App is the App as it is afterwards; the zero value when it is gone.
	App    App
	Effect command.Effect
}

// Backend is a way in: the Kubernetes API, or a Syncline server's.
type Backend interface {
	Reader
	Commander
}

// Planner says what a sync would do, without doing it.
type Planner interface {
	// Plan resolves, renders and compares for an operation, as the agent does for
	// one that it is asked for. What the operation does not cover is in the plan too.
	Plan(ctx context.Context, app syncline.App, operation syncline.Operation) (syncline.Plan, error)
	// Teardown returns what would be deleted with the App.
	Teardown(ctx context.Context, app syncline.App) (syncline.Plan, error)
}

// LiveReader reads the objects that an App has in its cluster.
type LiveReader interface {
	// Live returns the App's objects as they are, sorted by ref.
	Live(ctx context.Context, app syncline.App) ([]syncline.Object, error)
}

// Engine is the engine of the agent, run here and without its writes. Close
// ends it and removes what it left on this machine.
type Engine interface {
	Planner
	LiveReader
	io.Closer
}

// Renderer renders a source without a cluster.
type Renderer interface {
	// Render returns the objects in the order of the source. Its errors name the
	// file and the reason.
	Render(ctx context.Context, request RenderRequest) ([]syncline.Object, error)
}

// RenderRequest says what to render, and as which App.
type RenderRequest struct {
	// Root is a folder of this machine that is the tree, as it is on disk. When
	// it is empty, the tree is the revision Source.TargetRevision of
	// Source.RepoURL, which is a URL or a folder with a Git repository.
	Root string
	// Source says which part of the tree is rendered, and how. Its Path is
	// relative to the tree's root.
	Source syncline.Source
	// AppName, Project and Namespace are those of the App and its destination.
	AppName   string
	Project   string
	Namespace string
	// ShowSecrets shows errors in full, also the values that they quote.
	ShowSecrets bool `json:",omitempty"`
	// Warn is told what was accepted and is hardly meant.
	Warn func(syncline.Condition) `json:"-"`
	// PassedOver is told the files of a folder of manifests that are rendered by
	// nothing, and why; nil when nobody asks.
	PassedOver func(file, why string) `json:"-"`
}

// Name names an App after what it renders.
func (r RenderRequest) Name() string {
	base := filepath.Base(cmp.Or(r.Source.Path, r.Source.Chart, r.Root, r.Source.RepoURL))
	if base == "." || base == string(filepath.Separator) {
		return "app"
	}
	return base
}

// Connection says how to reach a cluster with a kubeconfig. The zero value is
// what kubectl would use.
type Connection struct {
	// Kubeconfig is the path of a file; empty means $KUBECONFIG,
	// ~/.kube/config, or the service account of the pod.
	Kubeconfig string
	// Context is the name of a context; empty means the current one.
	Context string
	// ControlPlane is the namespace that the agent runs in. Apps in it are tracked
	// by their bare name.
	ControlPlane string
}
