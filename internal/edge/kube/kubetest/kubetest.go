// Package kubetest helps the tests of kube and live: it reads objects, makes
// namespaces, acts as another client, and comes between a client and the API
// server. It is not part of the program.
package kubetest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
)

// Main runs a package's tests with one control plane, and fails when they leave
// goroutines behind. It returns the exit code.
func Main(m *testing.M, name string, use func(*testenv.Cluster)) int {
	code := testenv.Main(m, testenv.ClusterOptions{Name: name}, use)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// Config returns how to reach a control plane as its administrator, with every
// request going through the given functions, the last one first.
func Config(t testing.TB, control *testenv.Cluster, through ...Through) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", control.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range through {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper { return between{f, next} })
	}
	return config
}

// Through answers a request instead of the API server, or passes it on.
type Through func(request *http.Request, next http.RoundTripper) (*http.Response, error)

type between struct {
	through Through
	next    http.RoundTripper
}

func (b between) RoundTrip(request *http.Request) (*http.Response, error) {
	return b.through(request, b.next)
}

func (b between) WrappedRoundTripper() http.RoundTripper { return b.next }

// Answer is a refusal as an API server makes it.
func Answer(request *http.Request, code int, reason metav1.StatusReason) *http.Response {
	body := fmt.Sprintf(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "made up", "reason": %q, "code": %d}`, reason, code)
	return &http.Response{
		StatusCode: code, Status: fmt.Sprint(code), Request: request, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

// Parse reads one object from YAML.
func Parse(t testing.TB, text string) syncline.Object {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	u := unstructured.Unstructured{}
	if err := u.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	object, err := syncline.NewObject(u.Object, "test")
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// ParseFile reads the objects of a file of several YAML documents.
func ParseFile(t testing.TB, path string) []syncline.Object {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var objects []syncline.Object
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		objects = append(objects, Parse(t, document))
	}
	return objects
}

// Somebody is another client of a control plane, such as a person's kubectl.
type Somebody struct{ client dynamic.Interface }

// NewSomebody returns a client of its own.
func NewSomebody(t testing.TB, control *testenv.Cluster) Somebody {
	t.Helper()
	config := Config(t, control)
	config.QPS = -1
	connection, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { utilnet.CloseIdleConnectionsFor(connection.Transport) })
	client, err := dynamic.NewForConfigAndClient(config, connection)
	if err != nil {
		t.Fatal(err)
	}
	return Somebody{client}
}

// objects returns how to reach an object's kind, whose plural is the usual one.
func (s Somebody) objects(ref syncline.Ref) dynamic.ResourceInterface {
	resource := s.client.Resource(schema.GroupVersionResource{Group: ref.Group, Version: "v1", Resource: strings.ToLower(ref.Kind) + "s"})
	if ref.Namespace == "" {
		return resource
	}
	return resource.Namespace(ref.Namespace)
}

// Create creates an object under a field manager's name.
func (s Somebody) Create(t testing.TB, object syncline.Object, manager string) *unstructured.Unstructured {
	t.Helper()
	created, err := s.objects(object.Ref()).Create(context.Background(), object.Reveal(), metav1.CreateOptions{FieldManager: manager})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// Patch merges a change into an object, or into one of its subresources.
func (s Somebody) Patch(t testing.TB, ref syncline.Ref, change string, subresources ...string) {
	t.Helper()
	if _, err := s.objects(ref).Patch(context.Background(), ref.Name, types.MergePatchType, []byte(change),
		metav1.PatchOptions{FieldManager: "somebody"}, subresources...); err != nil {
		t.Fatal(err)
	}
}

// Delete deletes an object, and what it owns later.
func (s Somebody) Delete(t testing.TB, ref syncline.Ref) {
	t.Helper()
	background := metav1.DeletePropagationBackground
	if err := s.objects(ref).Delete(context.Background(), ref.Name, metav1.DeleteOptions{PropagationPolicy: &background}); err != nil {
		t.Fatal(err)
	}
}

// Get returns an object, or nil when there is none.
func (s Somebody) Get(t testing.TB, ref syncline.Ref) *unstructured.Unstructured {
	t.Helper()
	found, err := s.objects(ref).List(context.Background(), metav1.ListOptions{FieldSelector: "metadata.name=" + ref.Name})
	switch {
	case err != nil:
		t.Fatal(err)
	case len(found.Items) == 1:
		return &found.Items[0]
	}
	return nil
}

// Namespace makes a namespace for one test.
func (s Somebody) Namespace(t testing.TB) string {
	t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"generateName": "test-"},
	}}
	ref := syncline.Ref{Kind: "Namespace"}
	created, err := s.objects(ref).Create(context.Background(), object, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ref.Name = created.GetName()
	t.Cleanup(func() { s.Delete(t, ref) })
	return ref.Name
}
