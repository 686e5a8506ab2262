package plan_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/glob"
	"github.com/syncline-io/syncline/internal/base/option"
)

const (
	wheels = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: wheels.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Wheel}
  versions: [{name: v1, served: true}, {name: v2, served: true}, {name: v3, served: false}]`
	wheelV1 = `
apiVersion: example.com/v1
kind: Wheel
metadata: {name: front}
spec: {size: 1}`
)

// TestAVersionThatIsNotServed holds that it is about the one object, and that nothing
// is asked for in it.
func TestAVersionThatIsNotServed(t *testing.T) {
	in := func(version string) string {
		return strings.NewReplacer("com/v1", "com/"+version, "size: 1", "size: 2").Replace(wheelV1)
	}
	skip := strings.Replace(in("v2"), "{name: front}",
		`{name: front, annotations: {argocd.argoproj.io/sync-options: "SkipDryRunOnMissingResource=true"}}`, 1)
	definition := "Sync 0 create apiextensions.k8s.io/CustomResourceDefinition/wheels.example.com"
	for name, test := range map[string]struct {
		text    string
		want    []string
		unknown bool
	}{
		"its definition comes":                {together(in("v2"), wheels), []string{definition, "Sync 0 update example.com/Wheel/shop/front"}, false},
		"a definition comes without it":       {together(in("v4"), wheels), []string{definition, "Sync 0 update example.com/Wheel/shop/front !not found"}, true},
		"a definition comes that has it off":  {together(in("v3"), wheels), []string{definition, "Sync 0 update example.com/Wheel/shop/front !not found"}, true},
		"nothing brings it":                   {in("v2"), []string{"Sync 0 update example.com/Wheel/shop/front !not found"}, true},
		"nothing brings it, and it may be so": {skip, []string{"Sync 0 update example.com/Wheel/shop/front"}, false},
		"the object is as declared in it": {
			together(strings.Replace(wheelV1, "com/v1", "com/v2", 1), wheels), []string{definition, "Sync 0 keep example.com/Wheel/shop/front"}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			kind := schema.GroupKind{Group: "example.com", Kind: "Wheel"}
			f.Serve(kind, syncline.Namespaced)
			f.app.Ignore = []syncline.IgnoreRule{{Kind: glob.Compile("Wheel"), Group: glob.Compile("example.com"), JSONPointers: []string{"/spec/spokes"}}}
			f.app.Policy.Options = option.List{"RespectIgnoreDifferences=true"}
			f.sync(t, wheelV1)
			f.ServeAs(kind, "v1")
			p := f.plan(t, test.text)
			expectSteps(t, p, test.want...)
			if asked := f.Requests(); len(asked) > 0 {
				t.Errorf("it asked %v", asked)
			}
			c := change(t, p, "front")
			if c.UID == "" || c.Unknown != test.unknown {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestAClusterScopedObjectStaysSoInAnotherVersion(t *testing.T) {
	f := newFixture()
	kind := schema.GroupKind{Group: "example.com", Kind: "Wheel"}
	f.Serve(kind, syncline.ClusterScoped)
	f.sync(t, wheelV1)
	f.ServeAs(kind, "v1")
	expectSteps(t, f.plan(t, strings.Replace(wheelV1, "com/v1", "com/v2", 1)), "Sync 0 update example.com/Wheel/front !not found")
}
