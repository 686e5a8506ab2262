// Package arch holds tests of the whole: which way imports may point, and who
// may call what is dangerous.
package arch

import (
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/syncline-io/syncline"

// may says, for each layer, the layers it may import. The layer of a package is
// its directory: "." is the words, "internal/x" is x. A directory that is not
// here fails the test, so a new layer is a decision and not an accident.
var may = map[string][]string{
	".":          {"base"}, // words only, and light below
	"api":        {},
	"ui":         {},
	"base":       {},
	"edge":       {".", "base"},
	"engine":     {".", "base"},
	"automation": {".", "base"},
	"catalog":    {".", "base"},
	// What speaks against a command, for who asks and for who writes it down.
	"command": {".", "base"},
	// When turns are run, and what becomes of what they came to.
	"loop": {".", "base", "engine"},
	// A cluster of the edge as the engine looks at it, and what commands do by themselves.
	"destination": {".", "edge", "engine"},
	"fetch":       {".", "base", "edge", "engine"},
	"backend":     {".", "base", "api", "command", "edge", "engine", "catalog", "destination", "fetch", "dialect", "front"},
	"dialect":     {".", "base", "api", "command", "engine", "automation", "catalog"},
	"front":       {".", "base", "ui", "command", "engine", "catalog"},
	"demo":        {".", "base", "api", "edge"},
	"cmd":         {".", "base", "api", "ui", "demo", "edge", "engine", "automation", "catalog", "dialect", "front", "destination", "fetch", "backend", "loop"},
	"arch":        {},
}

// sideways lists the few imports between neighbours of one layer, and what of the
// words a package below them speaks of.
var sideways = []string{
	"internal/engine/clustertest -> internal/engine",
	"internal/engine/clustertest -> internal/engine/apply",
	"internal/engine/affected -> internal/engine/render/record", // the words in which is said what was read
	"internal/engine/gather -> internal/engine/affected",        // whose words say what was rendered from what
	"internal/engine/gather -> internal/engine/policy",
	"internal/engine/gather -> internal/engine/render",
	"internal/engine/gather -> internal/engine/render/record",
	"internal/engine/signed -> internal/engine/source",             // whose Stage it guards
	"internal/engine/source/fetchertest -> internal/engine/source", // whose interface it tests
	"internal/edge/git -> internal/edge/gate",                      // which shares the places of servers
	"internal/edge/helmrepo -> internal/edge/gate",
	"internal/edge/oci -> internal/edge/gate",
	"internal/edge/oci -> internal/edge/flight",         // which shares what several want
	"internal/edge/helmrepo -> internal/edge/archive",   // where what it fetches is kept
	"internal/automation/wake -> internal/engine/queue", // the lanes are its words
	"internal/edge/oci -> internal/edge/archive",        // which keeps what it fetches
	"internal/edge/oci -> internal/edge/transport",
	"internal/edge/webfile -> internal/edge/archive", // which keeps what it reads
	"internal/edge/webfile -> internal/edge/gate",
	"internal/edge/webfile -> internal/edge/transport",
	"internal/edge/bucket -> internal/edge/archive", // which keeps what it fetches
	"internal/edge/bucket -> internal/edge/flight",
	"internal/edge/bucket -> internal/edge/gate",
	"internal/edge/bucket -> internal/edge/transport",
	"internal/edge/token -> internal/edge/transport",
	"internal/edge/token -> internal/edge/exchange",    // of which it puts what it has into repositories
	"internal/edge/sops -> internal/edge/exchange",     // whose words its keys are in
	"internal/edge/sops/kms -> internal/edge/exchange", // by which it is let in
	"internal/edge/git -> internal/edge/transport",
	"internal/edge/git/lfs -> internal/edge/transport",
	"internal/edge/git/catfile -> internal/edge/git/program", // the process that it asks
	"internal/base/confined -> .",
	"internal/base/confined -> internal/base/fair",
	"internal/base/confined -> internal/base/processor",
	"internal/base/confined -> internal/base/told",
	"internal/base/signing -> internal/base/upstream",
	"internal/base/told -> internal/base/near",
	"internal/base/upstream -> internal/base/glob",
	"internal/base/window -> internal/base/glob",
	"internal/base/upstream -> internal/base/sealed",
	"internal/base/confined/confinedtest -> .",
	"internal/base/confined/confinedtest -> internal/base/confined",
	"internal/edge/kube/served -> internal/edge/kube/failure",                       // what its errors mean
	"internal/dialect/argo/request -> internal/dialect/argo/application",            // whose translation it writes
	"internal/dialect/argo/request -> internal/dialect/argo/application/convention", // and that of sources
	"internal/front/cli -> internal/front/client",
	"internal/front/server -> internal/front/auth",
}

// light lists the layers, and packages of others, that must stay light, and the
// third-party trees they may import. Every other layer is free, but for owner below.
var light = map[string][]string{
	".":                          {"k8s.io/apimachinery/"},
	"internal/base/fieldmanager": {},
	"api":                        {"k8s.io/apimachinery/", "k8s.io/api/", "k8s.io/apiextensions-apiserver/"},
	"internal/base/aspect":       {},
	"internal/base/glob":         {},
	"internal/base/option":       {},
	"internal/base/packed":       {"k8s.io/apimachinery/"},
	"internal/base/sealed":       {"k8s.io/apimachinery/"},
	"internal/base/signing":      {},
	"internal/base/tool":         {},
	"internal/base/upstream":     {},
	"internal/base/window":       {"github.com/robfig/cron/"},
}

// owner says which package alone may import a third-party tree.
var owner = map[string]string{
	"filippo.io/age":               "internal/edge/sops",
	"github.com/golang-jwt/jwt":    "internal/edge/exchange",
	"github.com/google/go-jsonnet": "internal/edge/jsonnet",
	"github.com/itchyny/gojq":      "internal/edge/jq",
	"github.com/yuin/gopher-lua":   "internal/edge/lua",
	"github.com/argoproj/argo-cd":  "internal/edge/lua",
	"helm.sh/helm":                 "internal/edge/helm",
	"k8s.io/client-go/dynamic":     "internal/edge/kube",
	"sigs.k8s.io/kustomize":        "internal/edge/kustomize",
	"github.com/fluxcd/cli-utils":  "internal/engine/health",

	"github.com/digitorus":                          "internal/edge/signature/cosign",
	"github.com/google/certificate-transparency-go": "internal/edge/signature/cosign",
	"github.com/sigstore":                           "internal/edge/signature/cosign",
	"github.com/transparency-dev":                   "internal/edge/signature/cosign",
	"golang.org/x/mod/sumdb":                        "internal/edge/signature/cosign",
}

func TestImports(t *testing.T) {
	eachFile(t, func(path, from string) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := may[layer(from)]; !ok {
			t.Errorf("%s: layer %q is not in arch_test.go", path, layer(from))
		}
		for _, spec := range file.Imports {
			imp, _ := strconv.Unquote(spec.Path.Value)
			if why := check(from, imp); why != "" {
				t.Errorf("%s imports %s: %s", from, imp, why)
			}
		}
	})
}

// check returns why package from may not import imp, or "".
func check(from, imp string) string {
	for tree, pkg := range owner {
		if strings.HasPrefix(imp, tree) && !within(from, pkg) {
			return "only " + pkg + " may"
		}
	}
	if imp != module && !strings.HasPrefix(imp, module+"/") {
		host, _, _ := strings.Cut(imp, "/")
		trees, isLight := light[from]
		if !isLight {
			trees, isLight = light[layer(from)]
		}
		if isLight && strings.Contains(host, ".") &&
			!slices.ContainsFunc(trees, func(t string) bool { return strings.HasPrefix(imp, t) }) {
			return "this layer stays light"
		}
		return ""
	}
	to := strings.TrimPrefix(strings.TrimPrefix(imp, module), "/")
	if to == "" {
		to = "."
	}
	switch {
	case to != "." && within(to, from): // a parent uses its children
		return ""
	case from == "." && layer(to) == "base":
		if _, isLight := light[to]; !isLight {
			return "only what is light may be imported here"
		}
		return ""
	case layer(from) != layer(to) && slices.Contains(may[layer(from)], layer(to)):
		return ""
	case slices.Contains(sideways, from+" -> "+to):
		return ""
	case layer(from) == layer(to):
		return "neighbours in one layer do not import each other"
	}
	return layer(from) + " may not import " + layer(to)
}

func layer(dir string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(dir, "internal/"), "/")
	return first
}

func within(dir, tree string) bool { return dir == tree || strings.HasPrefix(dir, tree+"/") }
