package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/dialect/argo/project"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

// projects are the AppProjects as they were last seen.
type projects struct {
	mu    sync.RWMutex
	known map[string]declared
	// held are those that are being deleted and wait for their Applications to go.
	held map[string]*unstructured.Unstructured
	// look asks to look at those held; it has room for one.
	look chan struct{}
}

// declared is a project, or why it cannot be read.
type declared struct {
	project syncline.Project
	err     error
}

func newProjects() *projects {
	return &projects{
		known: map[string]declared{}, held: map[string]*unstructured.Unstructured{}, look: make(chan struct{}, 1),
	}
}

func (p *projects) put(u *unstructured.Unstructured) {
	read, err := project.Read(u)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[u.GetName()] = declared{read, err}
	if delete(p.held, u.GetName()); project.Held(u) {
		p.held[u.GetName()] = u
		p.ask()
	}
}

func (p *projects) delete(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, name)
	delete(p.held, name)
}

// applicationLeft takes note that an Application is gone, or may name another
// project now.
func (p *projects) applicationLeft() {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if len(p.held) > 0 {
		p.ask()
	}
}

func (p *projects) ask() {
	select {
	case p.look <- struct{}{}:
	default: // it is asked already
	}
}

// leaving returns the projects that are held.
func (p *projects) leaving() []*unstructured.Unstructured {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.Collect(maps.Values(p.held))
}

// Project returns the project of that name, or a NotFound error.
func (p *projects) Project(name string) (syncline.Project, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	found, ok := p.known[name]
	if !ok {
		return syncline.Project{}, syncline.WithHint(
			syncline.Errorf(syncline.NotFound, "Application referencing project %s which does not exist", name),
			fmt.Sprintf("create the AppProject %s, or name another in spec.project", name))
	}
	return found.project, found.err
}

// releaseAgain is how long it takes until the release of a project is tried again.
const releaseAgain = 10 * time.Second

// releaseProjects lets projects go that are being deleted, once no Application
// names them, until ctx is done. It begins when all Applications are known.
func (a *agent) releaseProjects(ctx context.Context, known <-chan struct{}) {
	select {
	case <-known:
	case <-ctx.Done():
		return
	}
	told := map[types.UID]string{}
	for {
		var again <-chan time.Time
		if !a.releaseHeld(ctx, told) {
			again = time.After(releaseAgain)
		}
		select {
		case <-a.projects.look:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// releaseHeld looks once at every project that is held, and logs why it stays,
// unless that was told already. It reports whether nothing has to be tried again.
func (a *agent) releaseHeld(ctx context.Context, told map[types.UID]string) (done bool) {
	done = true
	before := maps.Clone(told)
	clear(told) // of projects that are gone nothing is remembered
	for _, u := range a.projects.leaving() {
		if users := a.apps.OfProject(u.GetName()); len(users) > 0 {
			why := "it is the project of " + some(users)
			if before[u.GetUID()] != why {
				slog.Warn("an AppProject that is being deleted is kept", "project", u.GetName(), "why", why)
			}
			told[u.GetUID()] = why
			continue
		}
		if err := a.releaseProject(ctx, u); err != nil {
			slog.Warn("the finalizer of an AppProject could not be removed, trying again", "project", u.GetName(), "err", err)
			done = false
		}
	}
	return done
}

// some names the first few Apps.
func some(ids []syncline.AppID) string {
	const few = 3
	names := make([]string, 0, few)
	for _, id := range ids[:min(few, len(ids))] {
		names = append(names, id.String())
	}
	text := strings.Join(names, ", ")
	if len(ids) > few {
		text += fmt.Sprintf(" and %d more", len(ids)-few)
	}
	return text
}

// releaseProject takes Argo CD's finalizer off a project. When it has changed
// meanwhile, the watch tells that, and it is looked at again.
func (a *agent) releaseProject(ctx context.Context, u *unstructured.Unstructured) error {
	patch, err := project.Release(u)
	if err != nil {
		return err
	}
	_, err = a.cluster.Patch(ctx, v1alpha1.AppProjectResource(), types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()},
		kube.Patch{Type: types.MergePatchType, Data: patch, Manager: syncline.StatusManager})
	switch syncline.KindOf(err) {
	case syncline.Conflict, syncline.NotFound:
		return nil
	}
	return err
}
