package render_test

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/render/record"
	"github.com/syncline-io/syncline/internal/engine/source/difference"
	"github.com/syncline-io/syncline/internal/engine/source/links"
)

// monorepo holds a source of each tool; all of them read beyond their folders.
var monorepo = memoryTree{
	"base/kustomization.yaml":           "resources: [a.yaml]\nconfigMapGenerator: [{name: g, files: [data/one.txt]}]\n",
	"base/a.yaml":                       configMap,
	"base/data/one.txt":                 "1",
	"app/kustomization.yaml":            "namePrefix: p-\nresources: [../base]\n",
	"chart/Chart.yaml":                  chartYAML,
	"chart/values.yaml":                 "a: 1\n",
	"chart/templates/all.yaml":          showAll,
	"chart/templates/_helper.tpl":       "{{ define \"x\" }}x{{ end }}",
	"chart/charts/sub/Chart.yaml":       "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
	"chart/charts/sub/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sub}\n",
	"environments/prod.yaml":            "b: 2\n",
	"environments/shared/c.yaml":        "c: 3\n",
	"plain/a.yaml":                      configMap,
	"plain/deep/b.yaml":                 "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
	"jsonnet/a.jsonnet":                 "(import 'lib.libsonnet') + {metadata: {name: importstr '../base/data/one.txt'}}",
	"libs/lib.libsonnet":                "{apiVersion: 'v1', kind: 'ConfigMap'}",
	"README.md":                         "hello",

	"composed/kustomization.yaml": "resources: [../base]\ncomponents: [../part]\n",
	"part/kustomization.yaml":     "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{path: p.yaml, target: {kind: ConfigMap}}]\n",
	"part/p.yaml":                 "- {op: add, path: /metadata/labels, value: {part: one}}\n",

	"locked/Chart.yaml":                  chartYAML + "dependencies: [{name: sub, version: 1.0.0, repository: 'https://charts.example.com'}]\n",
	"locked/Chart.lock":                  "dependencies: [{name: sub, version: 1.0.0, repository: 'https://charts.example.com'}]\ndigest: sha256:0\n",
	"locked/charts/sub/Chart.yaml":       "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
	"locked/charts/sub/templates/a.yaml": configMap,

	"linked/a.yaml": "../base/a.yaml",
	"shortcut":      "plain",
}

// monorepoLinks are those files of monorepo that are links.
var monorepoLinks = map[string]syncline.EntryType{"linked/a.yaml": syncline.EntryLink, "shortcut": syncline.EntryLink}

// monorepoSources are the sources of monorepo.
var monorepoSources = []syncline.Source{
	{Path: "app"},
	{Path: "chart", Helm: &tool.Helm{
		ValueFiles: []string{"/environments/prod.yaml", "../environments/**/*.yaml", "own.yaml"}, IgnoreMissingValueFiles: true,
		FileParameters: []tool.HelmFileParameter{{Name: "d", Path: "/base/data/one.txt"}},
	}},
	{Path: "plain", Directory: &tool.Directory{Recurse: true}},
	{Path: "jsonnet", Directory: &tool.Directory{Jsonnet: tool.Jsonnet{Libs: []string{"libs"}}}},
	{Path: "base"},
	{Path: "composed"},
	{Path: "locked"},
	{Path: "linked"},
	{Path: "shortcut"},
	{Path: "chart", Helm: &tool.Helm{ValueFiles: []string{"$other/environments/shared/c.yaml"}}},
}

// requestFor asks for a source of a tree, which is also the one that others call
// "other".
func requestFor(source syncline.Source, tree memoryTree) render.Request {
	return render.Request{App: "shop", Dialect: convention.Dialect(), Namespace: "prod", Source: source, Files: syncline.Files{
		Tree: linked(tree), Refs: map[string]syncline.Tree{"other": linked(tree)},
	}}
}

func linked(tree memoryTree) syncline.Tree { return links.Confine(typedTree{tree, monorepoLinks}) }

// texts are what a commit writes to a file, good and bad.
var texts = []string{
	"", "1", "x: 1\n", configMap, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: changed}\n",
	"resources: [a.yaml]\n", "namePrefix: q-\nresources: [../base]\n", chartYAML, "{a: 1}", "{{ .Values.a }}",
	"namePrefix: r-\n", "apiVersion: v1\nkind: Pod\nmetadata: {name: pod}\n",
	configMap + "---\n" + "apiVersion: v1\nkind: Pod\nmetadata: {name: pod}\n", "# +argocd:skip-file-rendering\n" + configMap,
}

// commit is a random change of a tree.
func commit(t *rapid.T, tree memoryTree) memoryTree {
	changed := maps.Clone(tree)
	for range rapid.IntRange(1, 3).Draw(t, "files") {
		files := slices.Sorted(maps.Keys(changed))
		file := rapid.SampledFrom(files).Draw(t, "file")
		switch rapid.SampledFrom([]string{"change", "add", "delete", "move"}).Draw(t, "how") {
		case "change":
			changed[file] = rapid.SampledFrom(texts).Draw(t, "text")
		case "add":
			name := rapid.SampledFrom([]string{"new.yaml", "own.yaml", "kustomization.yml", ".helmignore", "lib.libsonnet", ".argocd-source.yaml", "n/x.yaml"}).Draw(t, "name")
			if at := path.Join(path.Dir(file), name); len(changed.below(at)) == 0 {
				changed[at] = rapid.SampledFrom(texts).Draw(t, "text")
			}
		case "delete":
			if len(changed) > 1 {
				delete(changed, file)
			}
		case "move":
			other := rapid.SampledFrom(files).Draw(t, "other")
			changed[file], changed[other] = changed[other], changed[file]
		}
	}
	return changed
}

// TestIncrementalEqualsFromScratch renders random commits with a renderer that
// remembers the ones before, and with one that remembers nothing. `make nightly`
// does so in 10,000 cases, by -rapid.checks=2000.
func TestIncrementalEqualsFromScratch(t *testing.T) {
	const cases = 500
	var hits, done atomic.Int64
	for batch := range cases / 100 { // a check of the library is 100 cases
		rapid.Check(t, func(rt *rapid.T) {
			incremental := inProcess()
			tree, before := monorepo, monorepo
			last := make([]render.Result, len(monorepoSources)) // of before
			lastErr := make([]error, len(monorepoSources))
			for step := range 3 {
				for i, declared := range monorepoSources {
					got, gotErr := incremental.Render(short(t), requestFor(declared, tree))
					want, wantErr := inProcess().Render(short(t), requestFor(declared, tree))
					if step == 0 && wantErr != nil {
						rt.Fatalf("%s does not render to begin with: %v", declared.Path, wantErr)
					}
					if gotErr != nil && strings.Contains(gotErr.Error(), "gave objects before") && slices.ContainsFunc(want.PassedOver, func(p render.PassedOver) bool { return !p.Meant }) {
						got, gotErr = want, wantErr // a file became something else, which only the one that remembers knows
					}
					if digest(got) != digest(want) || got.Tool != want.Tool || fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
						rt.Fatalf("batch %d, step %d, %s:\nincremental: %v %v\nfrom scratch: %v %v",
							batch, step, declared.Path, got, gotErr, want, wantErr)
					}
					if step > 0 && !touched(t, last[i], typedTree{before, monorepoLinks}, typedTree{tree, monorepoLinks}) &&
						(fmt.Sprint(wantErr) != fmt.Sprint(lastErr[i]) || digest(want) != digest(last[i])) {
						rt.Fatalf("batch %d, %s: it is not touched, but was %v %v and is %v %v", batch, declared.Path, last[i], lastErr[i], want, wantErr)
					}
					last[i], lastErr[i] = got, gotErr
				}
				before, tree = tree, commit(rt, tree)
			}
			hits.Add(incremental.Stats().Hits)
			done.Add(1)
		})
	}
	if done.Load() < cases {
		t.Errorf("only %d cases", done.Load())
	}
	if least := done.Load(); hits.Load() < least {
		t.Errorf("only %d results were remembered in %d cases", hits.Load(), done.Load())
	}
}

// digest identifies what a source rendered to.
func digest(result render.Result) syncline.Digest { return syncline.DigestOfObjects(result.Objects) }

// touched reports whether two trees differ in anything that was read for the
// result.
func touched(t *testing.T, result render.Result, before, after syncline.Tree) bool {
	t.Helper()
	differ, err := difference.Between(before, after)
	if err != nil {
		t.Fatal(err)
	}
	index := record.NewIndex[string]()
	for _, ref := range []string{"", "other"} { // which is the same tree here
		reads := result.Reads.Of(ref)
		if !render.Traceable(reads) {
			return true
		}
		index.Add("source "+ref, reads)
	}
	return len(index.Touched(differ)) > 0
}

// TestWhatMakesASourceRenderAgain changes one thing at a time.
func TestWhatMakesASourceRenderAgain(t *testing.T) {
	for _, test := range []struct {
		name   string
		source int
		change func(*render.Request, memoryTree)
		again  bool
	}{
		{"nothing", 0, func(*render.Request, memoryTree) {}, false},
		{"another file", 0, func(_ *render.Request, m memoryTree) { m["README.md"] = "x" }, false},
		{"another file in the folder", 0, func(_ *render.Request, m memoryTree) { m["app/notes.txt"] = "x" }, false},
		{"another file in the base", 0, func(_ *render.Request, m memoryTree) { m["base/notes.txt"] = "x" }, false},
		{"a file of the base", 0, func(_ *render.Request, m memoryTree) { m["base/a.yaml"] += "data: {a: b}\n" }, true},
		{"data of the base", 0, func(_ *render.Request, m memoryTree) { m["base/data/one.txt"] = "2" }, true},
		{"a second kustomization of the base", 0, func(_ *render.Request, m memoryTree) { m["base/Kustomization"] = "x: y" }, true},
		{"the commit", 0, func(r *render.Request, _ memoryTree) { r.Revision = "other" }, false},
		{"the cluster, for kustomize", 0, func(r *render.Request, _ memoryTree) { r.Cluster.KubeVersion = "1.35.0" }, false},
		{"the cluster, for helm", 1, func(r *render.Request, _ memoryTree) { r.Cluster.APIVersions = []string{"a/v1"} }, true},
		{"a value file elsewhere", 1, func(_ *render.Request, m memoryTree) { m["environments/prod.yaml"] = "b: 3\n" }, true},
		{"a value file that was missing", 1, func(_ *render.Request, m memoryTree) { m["chart/own.yaml"] = "e: 3\n" }, true},
		{"a match of a glob", 1, func(_ *render.Request, m memoryTree) { m["environments/new/d.yaml"] = "e: 3\n" }, true},
		{"a subchart", 1, func(_ *render.Request, m memoryTree) { m["chart/charts/sub/templates/a.yaml"] += "data: {a: b}\n" }, true},
		{"a deeper file", 2, func(_ *render.Request, m memoryTree) { delete(m, "plain/deep/b.yaml") }, true},
		{"a library", 3, func(_ *render.Request, m memoryTree) { m["libs/lib.libsonnet"] += "+ {data: {}}" }, true},
		{"a library that hides another", 3, func(_ *render.Request, m memoryTree) { m["jsonnet/lib.libsonnet"] = m["libs/lib.libsonnet"] }, true},
		{"an override", 2, func(_ *render.Request, m memoryTree) {
			m["plain/.argocd-source-shop.yaml"] = "directory: {recurse: false}\n"
		}, true},
		{"another App's override", 0, func(_ *render.Request, m memoryTree) { m["base/.argocd-source-other.yaml"] = "x" }, false},
		{"the options", 0, func(r *render.Request, _ memoryTree) { r.Source.Kustomize = &tool.Kustomize{NamePrefix: "x-"} }, true},
		{"the namespace", 1, func(r *render.Request, _ memoryTree) { r.Namespace = "other" }, true},
		{"on request", 0, func(r *render.Request, _ memoryTree) { r.Fresh = true }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			renderer := inProcess()
			tree := maps.Clone(monorepo)
			request := render.Request{App: "shop", Dialect: convention.Dialect(), Namespace: "prod", Source: monorepoSources[test.source], Files: syncline.Files{Tree: tree}}
			first, err := renderer.Render(short(t), request)
			if err != nil {
				t.Fatal(err)
			}
			changed := maps.Clone(tree)
			test.change(&request, changed)
			request.Files.Tree = changed
			// Who asks otherwise, or for another cluster, knows it.
			asked := request.Fresh || request.Namespace != "prod" || request.Source.Kustomize != nil || request.Cluster.APIVersions != nil
			if touched := touched(t, first, tree, changed); touched != test.again && !asked {
				t.Errorf("touched: %t, want %t", touched, test.again)
			}
			_, _ = renderer.Render(short(t), request) // some changes break the source
			if again := renderer.Stats().Hits == 0; again != test.again {
				t.Errorf("rendered again: %t, want %t", again, test.again)
			}
		})
	}
}

// counting counts the files of manifests that are read for builds.
type counting struct {
	memoryTree
	read *[]string
}

func (c counting) ReadFile(name string) ([]byte, error) {
	if _, exists := c.memoryTree[name]; exists {
		*c.read = append(*c.read, name)
	}
	return c.memoryTree.ReadFile(name)
}

// TestOnlyWhatChangedOfAFolderIsRendered changes files of a folder in which each
// object depends on its file alone.
func TestOnlyWhatChangedOfAFolderIsRendered(t *testing.T) {
	named := func(name string) string { return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n" }
	two := named("b") + "---\n" + named("b2")
	for _, test := range []struct {
		name   string
		change memoryTree
		reads  string
		result string
	}{
		{"one", memoryTree{"app/b.yaml": named("new")}, "[app/b.yaml]", "[a new c]"},
		{"two objects become one", memoryTree{"app/a.yaml": two, "app/c.yaml": named("c3")}, "[app/a.yaml app/c.yaml]", "[b b2 b b2 c3]"},
		{"nothing is left", memoryTree{"app/b.yaml": ""}, "[app/b.yaml]", "[a c]"},
		{"all", memoryTree{"app/a.yaml": "", "app/b.yaml": "", "app/c.yaml": ""}, "[app/a.yaml app/b.yaml app/c.yaml]", "[]"},
		{"one that was nothing", memoryTree{"app/d.yaml": named("d")}, "[app/a.yaml app/b.yaml app/c.yaml app/d.yaml]", "[a b b2 c d]"},
		{"one is new", memoryTree{"app/e.yaml": named("e")}, "[app/a.yaml app/b.yaml app/c.yaml app/d.yaml app/e.yaml]", "[a b b2 c e]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			renderer := inProcess()
			var read []string
			tree := memoryTree{"app/a.yaml": named("a"), "app/b.yaml": two, "app/c.yaml": named("c"), "app/d.yaml": "x: 1\n"}
			request := request(nil)
			request.Files.Tree = counting{tree, &read}
			_, err := renderer.Render(short(t), request)
			check(t, err)
			changed := maps.Clone(tree)
			maps.Copy(changed, test.change)
			read = nil
			request.Files.Tree = counting{changed, &read}
			result, err := renderer.Render(short(t), request)
			check(t, err)
			if got := fmt.Sprint(read); got != test.reads {
				t.Errorf("read %s, want %s", got, test.reads)
			}
			names := []string{}
			for _, object := range result.Objects {
				names = append(names, object.Ref().Name)
			}
			if got := fmt.Sprint(names); got != test.result {
				t.Errorf("got %s, want %s", got, test.result)
			}
		})
	}
}

// straying builds another file than the only one that is asked for.
type straying struct{ render.Builder }

func (s straying) Build(ctx context.Context, job render.Job, inputs render.Inputs) (render.Output, error) {
	if len(job.Only) > 0 {
		job.Only = []string{"app/c.yaml"}
	}
	return s.Builder.Build(ctx, job, inputs)
}

// TestAnAnswerAboutAnotherFileLosesNothing wants everything to be rendered when
// what comes back does not fit.
func TestAnAnswerAboutAnotherFileLosesNothing(t *testing.T) {
	renderer := render.New(straying{tools()}, render.Options{})
	named := func(name string) string { return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n" }
	tree := memoryTree{"app/a.yaml": named("a"), "app/b.yaml": named("b"), "app/c.yaml": named("c")}
	_, err := renderer.Render(short(t), request(tree))
	check(t, err)
	changed := maps.Clone(tree)
	changed["app/b.yaml"] = named("new")
	result, err := renderer.Render(short(t), request(changed))
	check(t, err)
	if got := fmt.Sprint(result.Objects); got != "[ConfigMap/a ConfigMap/new ConfigMap/c]" {
		t.Errorf("got %s", got)
	}
}

// TestVariableOfTheCommit wants a source that asks for the commit to be
// rendered for every commit.
func TestVariableOfTheCommit(t *testing.T) {
	renderer := inProcess()
	request := request(samples["helm"])
	request.Source.Helm = &tool.Helm{Parameters: []tool.HelmParameter{{Name: "n", Value: "$ARGOCD_APP_REVISION"}}}
	seen := map[syncline.Digest]bool{}
	for _, revision := range []string{"1", "2", "3"} {
		request.Revision = revision
		result, err := renderer.Render(short(t), request)
		check(t, err)
		seen[digest(result)] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d results for 3 commits", len(seen))
	}
}

// failingTree fails for a while.
type failingTree struct {
	memoryTree
	fails *atomic.Bool
}

func (f failingTree) ReadFile(name string) ([]byte, error) {
	if f.fails.Load() && path.Ext(name) == ".yaml" {
		return nil, syncline.Errorf(syncline.Transient, "the store does not answer")
	}
	return f.memoryTree.ReadFile(name)
}

func TestErrorsAreRememberedWhileTheyLast(t *testing.T) {
	t.Run("of the source", func(t *testing.T) {
		renderer := inProcess()
		request := request(memoryTree{"app/a.yaml": configMap + "a: {"})
		_, first := renderer.Render(short(t), request)
		_, second := renderer.Render(short(t), request)
		if first == nil || second == nil || first.Error() != second.Error() || renderer.Stats().Hits != 1 {
			t.Errorf("%v, %v, %+v", first, second, renderer.Stats())
		}
	})
	t.Run("of the store", func(t *testing.T) {
		renderer := inProcess()
		tree := failingTree{samples["directory"], &atomic.Bool{}}
		tree.fails.Store(true)
		request := request(nil)
		request.Files.Tree = tree
		if _, err := renderer.Render(short(t), request); syncline.KindOf(err) != syncline.Transient {
			t.Fatalf("got %v", err)
		}
		tree.fails.Store(false)
		if _, err := renderer.Render(short(t), request); err != nil {
			t.Errorf("the failure is remembered: %v", err)
		}
	})
}

// What an App rendered to goes with the App, and nothing of others does.
func TestMemoryGoesWithTheApp(t *testing.T) {
	r := inProcess()
	at := func(name string) render.Request {
		request := requestFor(monorepoSources[2], monorepo)
		request.ID, request.App = syncline.AppID{Name: name}, name
		return request
	}
	for _, name := range []string{"a", "b"} {
		if _, err := r.Render(t.Context(), at(name)); err != nil {
			t.Fatal(err)
		}
	}
	r.Forget(syncline.AppID{Name: "a"})
	r.Forget(syncline.AppID{Name: "c"})
	if entries := r.Stats().Entries; entries != 1 {
		t.Errorf("%d results are remembered, want that of the other", entries)
	}
	before := r.Stats().Hits
	if _, err := r.Render(t.Context(), at("b")); err != nil || r.Stats().Hits != before+1 {
		t.Errorf("the other was forgotten: %v", err)
	}
	// Of an App that is declared anew again and again, the latest is remembered.
	for i := range 100 {
		request := at("b")
		request.Namespace = fmt.Sprint(i)
		if _, err := r.Render(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	if entries := r.Stats().Entries; entries > 32 {
		t.Errorf("%d results of one App are remembered", entries)
	}
	if r.Forget(syncline.AppID{Name: "b"}); r.Stats().Bytes != 0 {
		t.Errorf("%+v is left of no App", r.Stats())
	}
}

func TestMemoryIsBounded(t *testing.T) {
	renderer := render.New(tools(), render.Options{MemoBytes: 20_000})
	for i := range 100 {
		tree := memoryTree{"app/a.yaml": fmt.Sprintf("%sdata: {n: \"%d\"}\n", configMap, i)}
		request := request(tree)
		request.App = fmt.Sprint(i)
		if _, err := renderer.Render(short(t), request); err != nil {
			t.Fatal(err)
		}
	}
	stats := renderer.Stats()
	if stats.Bytes > 20_000 || stats.Entries == 0 || stats.Entries == 100 {
		t.Errorf("%+v", stats)
	}
}

// TestResultsAreNotShared changes what one caller got.
func TestResultsAreNotShared(t *testing.T) {
	renderer := inProcess()
	first, err := renderer.Render(short(t), request(samples["directory"]))
	check(t, err)
	first.Objects[0] = syncline.Object{}
	second, err := renderer.Render(short(t), request(samples["directory"]))
	check(t, err)
	if second.Objects[0].IsZero() {
		t.Error("a caller changed what is remembered")
	}
}

// TestARepositorysResultIsNoOthers renders the same files of two repositories: who
// names the hashes of another's files gets nothing that was made of them.
func TestARepositorysResultIsNoOthers(t *testing.T) {
	renderer := inProcess()
	for _, url := range []string{"https://example.com/private", "https://example.com/tenant", "https://EXAMPLE.com/private.git"} {
		declared := monorepoSources[0]
		declared.RepoURL = url
		if _, err := renderer.Render(short(t), requestFor(declared, monorepo)); err != nil {
			t.Fatal(err)
		}
	}
	if stats := renderer.Stats(); stats.Misses != 2 || stats.Hits != 1 {
		t.Errorf("got %+v, want two that were rendered, and one that was remembered", stats)
	}
}
