package live

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/near"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
)

// stranger returns an object into which somebody wrote as much as the API server
// takes, with texts that nobody used before.
func stranger(kind string, n int) *unstructured.Unstructured {
	annotations := map[string]any{
		convention.SyncOptions: strings.Repeat("x", 100_000) + fmt.Sprint(n) + ",Prune=false",
		convention.Tracking:    strings.Repeat("t", 50_000) + fmt.Sprint(n),
	}
	for i := range 300 {
		annotations[fmt.Sprintf("argocd.argoproj.io/%055d%d", i, n)] = strings.Repeat("v", 200)
	}
	var finalizers, containers, rules []any
	for i := range 500 {
		finalizers = append(finalizers, fmt.Sprintf("example.com/%050d%d", i, n))
		containers = append(containers, map[string]any{"image": strings.Repeat("i", 500) + fmt.Sprint(i, n)})
		rules = append(rules, map[string]any{"host": fmt.Sprintf("%0200d%d", i, n)})
	}
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": kind,
		"metadata": map[string]any{
			"name": fmt.Sprint("a", n), "namespace": fmt.Sprintf("%060d", n), "uid": fmt.Sprint(n), "resourceVersion": fmt.Sprint(n + 1),
			"annotations": annotations, "finalizers": append(finalizers, syncline.FinalizerHook), "deletionTimestamp": "2026-01-01T00:00:00Z",
		},
		"spec": map[string]any{"containers": containers, "rules": rules},
	}}
	return u
}

func TestWhatStrangersWriteIsBoundedAndGivenBack(t *testing.T) {
	for _, kind := range []string{"Pod", "Ingress", "ConfigMap"} {
		t.Run(kind, func(t *testing.T) {
			c := New(unreachable{}, Options{Dialects: syncline.Dialects{convention.Dialect()}, Assess: func(u *unstructured.Unstructured) syncline.Health {
				return syncline.Health{Status: syncline.Degraded, Message: strings.Repeat("m", 100_000) + u.GetName()}
			}})
			defer c.Close()
			k := newKind(c, schema.GroupVersionKind{Version: "v1", Kind: kind})
			c.mu.Lock()
			c.kinds[k.gvk.GroupKind()] = k
			c.mu.Unlock()
			const count = 200
			before := heap()
			k.handle(stream.Event{Type: stream.Begin})
			for n := range count {
				k.handle(stream.Event{Type: stream.Set, Object: stranger(kind, n)})
			}
			k.handle(stream.Event{Type: stream.Complete, Version: "1000"})
			if grown := heap() - before; grown > 16<<20 {
				t.Errorf("%d objects of strangers take %d KiB", count, grown>>10)
			}
			if stored := c.Stats().Objects; stored != count {
				t.Fatalf("%d objects are remembered", stored)
			}
			for n := range count {
				k.handle(stream.Event{Type: stream.Gone, Object: stranger(kind, n)})
			}
			if left := heap() - before; left > 1<<20 {
				t.Errorf("%d KiB are left of objects that are gone", left>>10)
			}
		})
	}
}

func TestUpdatesOfOneObjectLeaveNothing(t *testing.T) {
	c := New(unreachable{}, Options{Dialects: syncline.Dialects{convention.Dialect()}})
	defer c.Close()
	k := newKind(c, schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"})
	before := heap()
	for n := range 200 {
		u := stranger("ConfigMap", n)
		u.SetName("one")
		u.SetNamespace(fmt.Sprint("namespace-", n))
		k.handle(stream.Event{Type: stream.Set, Object: u})
		k.handle(stream.Event{Type: stream.Gone, Object: u})
	}
	if left := heap() - before; left > 1<<20 {
		t.Errorf("%d KiB are left", left>>10)
	}
}

func TestNamesAreForgotten(t *testing.T) {
	n := newNames()
	n.one("often")
	for i := range 20 * maxNames {
		n.one(fmt.Sprint(i))
		n.one("often")
		n.shared(map[string]string{"wave": fmt.Sprint(i)})
	}
	if held := len(n.texts.young) + len(n.texts.old); held > 2*maxNames {
		t.Errorf("%d texts are held", held)
	}
	if held := len(n.marks.young) + len(n.marks.old); held > 2*maxMarks {
		t.Errorf("%d marks are held", held)
	}
	if _, young := n.texts.young["often"]; !young {
		t.Error("what is used all the time is forgotten")
	}
}

func TestBoundsFailSafe(t *testing.T) {
	c := New(unreachable{}, Options{Dialects: syncline.Dialects{convention.Dialect()}})
	defer c.Close()
	r := c.reduce(stranger("Pod", 1))
	options := option.Parse(r.Marks[convention.SyncOptions])
	if !options.Has("Prune=false") || !options.Has("Delete=false") {
		t.Errorf("options that are too long are %q", options)
	}
	if r.Owner != "" || len(r.Marks) != 1 {
		t.Errorf("it is owned by %.20q and has %d marks", r.Owner, len(r.Marks))
	}
	if last := r.Finalizers[len(r.Finalizers)-1]; last != syncline.FinalizerHook || len(r.Finalizers) != maxList+1 {
		t.Errorf("%d finalizers, the last one is %s", len(r.Finalizers), last)
	}
	if got := cut(strings.Repeat("ä", 600), maxText); len(got) > maxText || !strings.HasSuffix(got, "ä…") {
		t.Errorf("cut to %d bytes", len(got))
	}
}

// Of slips is remembered what may keep an object, by one key, however many there are.
func TestSlipsAreRemembered(t *testing.T) {
	c := New(unreachable{}, Options{Dialects: syncline.Dialects{convention.Dialect()}})
	defer c.Close()
	u := stranger("ConfigMap", 1)
	u.SetAnnotations(map[string]string{
		"argocd.argoproj.io/sync-option": "Force=true", "argocd.argoproj.io/sync_options": "Prune=false", "argocd.argoproj.io/sync-waves": "3", "example.com/sync-options": "x",
	})
	if r := c.reduce(u); len(r.Marks) != 1 || r.Marks[near.Meant+convention.SyncOptions] != "Force=true,Prune=false" {
		t.Errorf("remembered are %v", r.Marks)
	}
	annotations := map[string]string{}
	for n := range 1 << 12 {
		annotations[fmt.Sprintf("argocd.argoproj.io/%012bsync-options", n)] = "x"
		var name strings.Builder // each with its own capitals
		for i, letter := range "sync-options" {
			if n>>i&1 == 1 && letter != '-' {
				letter += 'A' - 'a'
			}
			name.WriteRune(letter)
		}
		annotations["argocd.argoproj.io/"+name.String()] = "Force=true"
	}
	delete(annotations, convention.SyncOptions)
	u.SetAnnotations(annotations)
	r := c.reduce(u)
	if asks := convention.Dialect().Conventions.Read(r.Marks); len(r.Marks) != 1 || asks.Keep == "" {
		t.Errorf("%d marks are remembered, by which it is kept by %q", len(r.Marks), asks.Keep)
	}
}
