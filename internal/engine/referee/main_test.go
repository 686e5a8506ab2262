// Package referee holds a test of the whole from the plan to the API server: in
// random cases nothing is written or deleted but what the plan shows, and a plan
// shows nothing but what the rules of Argo CD permit. The judge reads what went
// over the wire and what is in the cluster, and the rules are written down here
// once more, from what is known of Argo CD and not from the engine.
package referee

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
)

var (
	count = flag.Int("cases", 200, "how many random cases are judged")
	seed  = flag.Uint64("seed", 1, "what the cases are drawn from")
	alone = flag.Int("case", -1, "judge only the case of this number, and tell what happens in it")
)

// control is the control plane of the tests.
var control *testenv.Cluster

func TestMain(m *testing.M) {
	os.Exit(kubetest.Main(m, "referee", func(c *testenv.Cluster) { control = c }))
}

// place is where all cases happen: one API server, one connection to it whose
// requests are noted and disturbed, one memory of what is live, as the agent has
// them, and the judge's own way to look.
type place struct {
	connection *kube.Connection
	target     *kube.Access
	wire       *wire
	others     dynamic.Interface
	bells      *bells
}

// newPlace prepares the cluster and begins to watch it.
func newPlace(t *testing.T) *place {
	t.Helper()
	config := kubetest.Config(t, control, patiently)
	config.QPS = -1
	config.WarningHandlerWithContext = nothing{}
	connection, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { utilnet.CloseIdleConnectionsFor(connection.Transport) })
	others, err := dynamic.NewForConfigAndClient(config, connection)
	if err != nil {
		t.Fatal(err)
	}
	p := &place{wire: newWire(), others: others, bells: &bells{}}
	p.install(t, gadgets, policy, binding)
	cluster, err := kube.Connect(kubetest.Config(t, control, p.wire.through), kube.Options{Dialects: syncline.Dialects{convention.Dialect()}})
	if err != nil {
		t.Fatal(err)
	}
	p.connection = kube.NewConnection(cluster, live.Options{
		Assess:   assess,
		OnChange: func(change live.Change) { p.bells.changed(change.Ref) },
		OnReady:  func(schema.GroupKind) { p.bells.all() },
		OnSwept:  p.bells.all,
	})
	t.Cleanup(p.connection.Close)
	p.connection.Live.Sweep()
	if p.target, err = p.connection.As(syncline.Identity{}); err != nil {
		t.Fatal(err)
	}
	p.untilRefused(t)
	return p
}

type nothing struct{}

func (nothing) HandleWarningHeaderWithContext(context.Context, int, string, string) {}

// assess judges health by an annotation, so that cases need no pods.
func assess(u *unstructured.Unstructured) syncline.Health {
	if status := u.GetAnnotations()[annotationHealth]; status != "" {
		return syncline.Health{Status: syncline.HealthStatus(status), Message: "it says so"}
	}
	if u.GetKind() == "CustomResourceDefinition" {
		return syncline.Health{Status: syncline.Healthy}
	}
	return syncline.Health{Status: syncline.NoHealth}
}

const (
	annotationHealth = "referee.syncline.io/health"
	// labelRefused makes the admission policy refuse an object.
	labelRefused = "referee-refused"
)

// gadgets defines a kind with every sort of list and map that a schema can have.
const gadgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.referee.syncline.io}
spec:
  group: referee.syncline.io
  names: {kind: Gadget, plural: gadgets}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              mode: {type: string, default: plain}
              fixed: {type: string, x-kubernetes-validations: [{rule: self == oldSelf, message: fixed cannot be changed}]}
              items:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, value: {type: string}, weight: {type: integer, default: 1}}
              tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              flat: {type: array, items: {type: string}}
              whole: {type: object, x-kubernetes-map-type: atomic, additionalProperties: {type: string}}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
`

const policy = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: referee}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {apiGroups: ["*"], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: ["*"]}
  validations:
  - expression: "!has(object.metadata.labels) || !('` + labelRefused + `' in object.metadata.labels)"
    message: the referee refuses it
`

const binding = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: referee}
spec: {policyName: referee, validationActions: [Deny]}
`

// install creates what is not namespaced and shared by all cases, unless it is
// there.
func (p *place) install(t *testing.T, texts ...string) {
	t.Helper()
	paths := []schema.GroupVersionResource{
		{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
		{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicies"},
		{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicybindings"},
	}
	for i, text := range texts {
		u := parsed(t, text)
		force := metav1.ApplyOptions{FieldManager: "referee", Force: true}
		if _, err := p.others.Resource(paths[i]).Apply(t.Context(), u.GetName(), u, force); err != nil {
			t.Fatal(err)
		}
	}
}

// untilRefused waits until the admission policy and the new kind are in force.
func (p *place) untilRefused(t *testing.T) {
	t.Helper()
	probe := parsed(t, `{apiVersion: referee.syncline.io/v1, kind: Gadget, metadata: {name: probe, labels: {`+labelRefused+`: "yes"}}}`)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		_, err := p.others.Resource(kindNamed("Gadget").path()).Namespace("default").
			Create(t.Context(), probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil && isRefusal(err) {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	t.Fatal("the admission policy does not come into force")
}

func parsed(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(raw, &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}
