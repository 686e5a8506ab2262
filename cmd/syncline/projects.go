package main

import (
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/project"
)

// projects are the AppProjects as they were last seen.
type projects struct {
	mu    sync.RWMutex
	known map[string]declared
}

// declared is a project, or why it cannot be read.
type declared struct {
	project syncline.Project
	err     error
}

func newProjects() *projects { return &projects{known: map[string]declared{}} }

func (p *projects) put(u *unstructured.Unstructured) {
	read, err := project.Read(u)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[u.GetName()] = declared{read, err}
}

func (p *projects) delete(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, name)
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
