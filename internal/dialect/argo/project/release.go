package project

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
)

// Apps know who is in a project.
type Apps interface {
	OfProject(name string) []syncline.AppID
}

// Resources write AppProjects.
type Resources interface {
	// PatchProject applies a JSON merge patch. It is a Conflict error when the patch
	// names a resource version that is no longer current.
	PatchProject(ctx context.Context, name types.NamespacedName, patch []byte) error
}

// Releaser lets AppProjects go that are being deleted, once no Application names them.
type Releaser struct {
	Projects  *Store
	Apps      Apps
	Resources Resources
}

// releaseAgain is how long it takes until the release of a project is tried again.
const releaseAgain = 10 * time.Second

// Look asks for another look at the projects that are held: an Application is gone, or
// may name another one now.
func (r *Releaser) Look() {
	r.Projects.mu.RLock()
	defer r.Projects.mu.RUnlock()
	if len(r.Projects.held) > 0 {
		r.Projects.ask()
	}
}

// Run releases until ctx is done. It begins when known is closed, which says that all
// Applications are known.
func (r *Releaser) Run(ctx context.Context, known <-chan struct{}) {
	select {
	case <-known:
	case <-ctx.Done():
		return
	}
	told := map[types.UID]string{}
	for {
		var again <-chan time.Time
		if !r.release(ctx, told) {
			again = time.After(releaseAgain)
		}
		select {
		case <-r.Projects.look:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// release looks once at every project that is held, and logs why it stays, unless that
// was told already. It reports whether nothing has to be tried again.
func (r *Releaser) release(ctx context.Context, told map[types.UID]string) (done bool) {
	done = true
	before := maps.Clone(told)
	clear(told) // of projects that are gone nothing is remembered
	for _, u := range r.Projects.leaving() {
		if users := r.Apps.OfProject(u.GetName()); len(users) > 0 {
			why := "it is the project of " + some(users)
			if before[u.GetUID()] != why {
				slog.Warn("an AppProject that is being deleted is kept", "project", u.GetName(), "why", why)
			}
			told[u.GetUID()] = why
			continue
		}
		if err := r.releaseOne(ctx, u); err != nil {
			slog.Warn("the finalizer of an AppProject could not be removed, trying again", "project", u.GetName(), "err", err)
			done = false
		}
	}
	return done
}

// releaseOne takes Argo CD's finalizer off a project. When it has changed meanwhile,
// the watch tells that, and it is looked at again.
func (r *Releaser) releaseOne(ctx context.Context, u *unstructured.Unstructured) error {
	patch, err := Release(u)
	if err != nil {
		return err
	}
	err = r.Resources.PatchProject(ctx, types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()}, patch)
	switch syncline.KindOf(err) {
	case syncline.Conflict, syncline.NotFound:
		return nil
	}
	return err
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
