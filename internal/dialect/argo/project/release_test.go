package project_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/project"
)

// plane is a control plane with one project, and Apps in it.
type plane struct {
	mu      sync.Mutex
	apps    []syncline.AppID
	patches []string
	err     error
}

func (p *plane) OfProject(string) []syncline.AppID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.apps
}

func (p *plane) PatchProject(_ context.Context, name types.NamespacedName, _ []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.patches = append(p.patches, name.String())
	return p.err
}

func (p *plane) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *plane) patched() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.patches)
}

// heldProject is being deleted, and kept by Argo CD's finalizer.
func heldProject(t *testing.T) *unstructured.Unstructured {
	u := parse(t, `{metadata: {name: shop, namespace: argocd, uid: u, finalizers: [resources-finalizer.argocd.argoproj.io]}}`)
	u.SetDeletionTimestamp(&metav1.Time{Time: time.Unix(1, 0)})
	return u
}

func TestAProjectIsReleasedWhenNobodyIsInIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &plane{apps: []syncline.AppID{{Namespace: "argocd", Name: "shop"}}}
		releaser := &project.Releaser{Projects: project.NewStore(), Apps: p, Resources: p}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		known := make(chan struct{})
		go releaser.Run(ctx, known)
		steps := []struct {
			name string
			do   func()
			want int
		}{
			{"it is held before the Applications are known", func() { _ = releaser.Projects.Put(heldProject(t)) }, 0},
			{"they are known, and one is in it", func() { close(known) }, 0},
			{"the last one leaves, and the API server refuses", func() {
				p.set(func() { p.apps, p.err = nil, syncline.Errorf(syncline.Transient, "not now") })
				releaser.Look()
			}, 1},
			{"it is tried again after a while", func() { <-time.After(11 * time.Second) }, 2},
			{"it has changed meanwhile, which the watch tells", func() {
				p.set(func() { p.err = syncline.Errorf(syncline.Conflict, "changed") })
				<-time.After(11 * time.Second)
			}, 3},
			{"nothing is tried again", func() { <-time.After(time.Minute) }, 3},
			{"it is gone", func() {
				releaser.Projects.Delete(types.NamespacedName{Namespace: "argocd", Name: "shop"})
				releaser.Look()
			}, 3},
		}
		for _, step := range steps {
			step.do()
			synctest.Wait()
			if got := p.patched(); got != step.want {
				t.Errorf("%s: %d patches, want %d", step.name, got, step.want)
			}
		}
	})
}
