package destination_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
	"github.com/syncline-io/syncline/internal/engine/clustertest"
)

var cluster *testenv.Cluster

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.ClusterOptions{}, func(c *testenv.Cluster) { cluster = c }))
}

// A real API server is what the engine takes a cluster for.
func TestDestination(t *testing.T) {
	connected, err := kube.Connect(kubetest.Config(t, cluster), kube.Options{Dialects: syncline.Dialects{convention.Dialect()}})
	if err != nil {
		t.Fatal(err)
	}
	connection := kube.NewConnection(connected, live.Options{})
	t.Cleanup(connection.Close)
	connection.Live.Sweep()
	target, err := connection.As(syncline.Identity{})
	if err != nil {
		t.Fatal(err)
	}
	clustertest.Run(t, clustertest.World{
		Dialect: convention.Dialect(), Steers: convention.Wave, Keeps: [2]string{convention.SyncOptions, "Prune=false"},
		Cluster: target, Writer: target, Others: kubetest.NewSomebody(t, cluster),
		Deny: func(t testing.TB, namespace string) { deny(t, target, namespace) },
	})
}

// deny makes the cluster deny what has the label "denied" in a namespace, from the
// moment when it returns.
func deny(t testing.TB, target *kube.Access, namespace string) {
	t.Helper()
	for _, text := range []string{`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: %s},
		spec: {matchConstraints: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}},
		resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]},
		validations: [{expression: "!has(object.metadata.labels) || !('denied' in object.metadata.labels)", message: it is denied}]}}`,
		`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: %s},
		spec: {policyName: %[1]s, validationActions: [Deny]}}`} {
		object := kubetest.Parse(t, fmt.Sprintf(text, namespace))
		w := syncline.Write{Action: syncline.Create, Object: object, Ref: object.Ref(), Version: "v1", Steering: syncline.Live{}.Steering()}
		made, err := target.Write(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		w.Action, w.Object, w.UID = syncline.Prune, syncline.Object{}, made.Reveal().GetUID()
		t.Cleanup(func() {
			if _, err := target.Write(context.WithoutCancel(t.Context()), w); err != nil {
				t.Error(err)
			}
		})
	}
	probe := kubetest.Parse(t, fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: probe, namespace: %s, labels: {denied: probe}}}", namespace))
	inForce := func(ctx context.Context) (bool, error) {
		_, err := target.DryRun(ctx, probe, nil)
		return syncline.KindOf(err) == syncline.Denied, nil
	}
	if err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, inForce); err != nil {
		t.Fatal(err)
	}
}
