package keyring_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/folder"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/source/links"
	"github.com/syncline-io/syncline/internal/fetch/keyring"
)

// counting builds as Tools do, and notes of which files.
type counting struct {
	render.Tools
	built [][]string
}

func (c *counting) Build(ctx context.Context, job render.Job, inputs render.Inputs) (render.Output, error) {
	c.built = append(c.built, job.Only)
	return c.Tools.Build(ctx, job, inputs)
}

// TestWhatIsRenderedAgain: what was rendered holds for as long as files and keys are the
// same, a changed file is rendered alone, and nobody gets what other keys came to.
func TestWhatIsRenderedAgain(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("secret.yml", encrypted(t).text)
	write("web.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: web}}")
	ring, builder := keyring.New(keyring.Options{}), &counting{}
	renderer := render.New(builder, render.Options{})
	put := func(name, project, key string) {
		t.Helper()
		if err := ring.Put(secret(name, map[string]string{"project": project, "a.agekey": read(t, "keys", key)})); err != nil {
			t.Fatal(err)
		}
	}
	all, each := [][]string{nil}, [][]string{{"secret.yml", "web.yaml"}} // anew, and file by file
	for _, step := range []struct {
		name    string
		do      func()
		project string
		locked  bool
		built   [][]string
	}{
		{name: "without a key", project: "shop", locked: true, built: all},
		{name: "without a key again", project: "shop", locked: true},
		{name: "with one", do: func() { put("s", "shop", "age.agekey") }, project: "shop", built: all},
		{name: "with one again", project: "shop"},
		{name: "one file is another", do: func() { write("web.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: other}}") },
			project: "shop", built: [][]string{{"web.yaml"}}},
		{name: "another project", project: "bank", locked: true, built: each},
		{name: "another project with the same key", do: func() { put("b", "bank", "age.agekey") }, project: "bank", built: all},
		{name: "one more key", do: func() { put("s2", "shop", "age-stranger.agekey") }, project: "shop", built: each},
		{name: "other keys", do: func() { put("s", "shop", "age-stranger.agekey") }, project: "shop", locked: true, built: each},
		{name: "the keys of before", do: func() { put("s", "shop", "age.agekey") }, project: "shop"},
	} {
		t.Run(step.name, func(t *testing.T) {
			if step.do != nil {
				step.do()
			}
			files, err := folder.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = files.Close() }()
			builder.built = nil
			result, err := renderer.Render(t.Context(), render.Request{
				App: "web", Project: step.project, Files: syncline.Files{Tree: links.Confine(ring.Open(t.Context(), step.project, files))},
			})
			if step.locked != errors.Is(err, syncline.ErrLocked) || !step.locked && (err != nil || len(result.Objects) != 2) {
				t.Errorf("%d objects, %v", len(result.Objects), err)
			}
			if !slices.EqualFunc(builder.built, step.built, slices.Equal) {
				t.Errorf("built are %q, want %q", builder.built, step.built)
			}
		})
	}
}
