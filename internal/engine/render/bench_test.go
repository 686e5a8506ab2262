package render_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// BenchmarkRender renders the small source of each tool, in this process and in
// a child that is warm.
func BenchmarkRender(b *testing.B) {
	for where, builder := range map[string]render.Builder{
		"in process": tools(),
		"confined":   render.Confined{Pool: newPool(b, confined.Options{})},
	} {
		renderer := render.New(builder, render.Options{MemoBytes: -1})
		for tool, tree := range samples {
			b.Run(where+"/"+tool, func(b *testing.B) {
				for b.Loop() {
					if _, err := renderer.Render(b.Context(), request(tree)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkRemembered asks for a source of 20 files after a commit that changed
// something else.
func BenchmarkRemembered(b *testing.B) {
	tree := memoryTree{}
	for i := range 20 {
		tree[fmt.Sprintf("app/%d.yaml", i)] = fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: n%d}\n", i)
	}
	other := maps.Clone(tree)
	other["README.md"] = "changed"
	renderer := inProcess()
	if _, err := renderer.Render(b.Context(), request(tree)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := renderer.Render(b.Context(), request(other)); err != nil {
			b.Fatal(err)
		}
	}
	if stats := renderer.Stats(); stats.Misses != 1 {
		b.Fatalf("%+v", stats)
	}
}
