package compare

import (
	"fmt"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

// TestIsUnowned holds which objects are taken over because of whose their fields are.
// The managedFields are as the API server writes them.
func TestIsUnowned(t *testing.T) {
	const (
		deployment = `spec: {replicas: 5, strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%}}, template: {spec: {containers: [{name: web, image: i,
			ports: [{containerPort: 80, protocol: TCP}, {containerPort: 53, protocol: UDP}]}]}}}`
		containers = `"f:template": {"f:spec": {"f:containers": {'k:{"name":"web"}': {".": {}, "f:name": {}, "f:image": {}, "f:ports": {
			'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}},
			'k:{"containerPort":53,"protocol":"UDP"}': {".": {}, "f:containerPort": {}, "f:protocol": {}}}}}}}`
		service = `spec: {ports: [{port: 80, targetPort: 80, protocol: TCP}, {port: 81, targetPort: 81, protocol: TCP}]}`
		first   = `'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:targetPort": {}}`
		second  = `'k:{"port":81,"protocol":"TCP"}': {".": {}, "f:port": {}}`
	)
	ours := func(fields string) string {
		return `{manager: argocd-controller, operation: Apply, apiVersion: v1, fieldsV1: {"f:spec": {` + fields + `}}}`
	}
	theirs := func(fields string) string {
		return `{manager: somebody, operation: Update, apiVersion: v1, fieldsV1: {"f:spec": {` + fields + `}}}`
	}
	for name, test := range map[string]struct {
		content, live, applied string
		ignore                 string
		want                   bool
	}{
		"all is ours": {content: deployment, live: ours(containers), applied: ours(containers)},
		"a default that is part of a key, next to what somebody took": {
			content: deployment, live: ours(containers) + "," + theirs(`"f:replicas": {}`), applied: ours(containers + `, "f:replicas": {}`)},
		"nobody's field next to a default that is part of a key": {
			content: deployment, live: ours(containers), applied: ours(containers + `, "f:replicas": {}`), want: true},
		"nobody's field that is ignored": {
			content: deployment, live: ours(containers), applied: ours(containers + `, "f:replicas": {}`), ignore: "/spec/replicas"},
		"what is empty with us and in parts with somebody": {
			content: deployment, live: ours(`"f:strategy": {}`) + "," + theirs(`"f:strategy": {"f:type": {}}`), applied: ours(`"f:strategy": {}`)},
		"the ports of a Service": {
			content: service, live: ours(`"f:ports": {`+first+`}`) + "," + theirs(`"f:ports": {`+second+`}`),
			applied: ours(`"f:ports": {` + first + "," + second + `}`)},
		"a nobody's port of a Service": {
			content: service, live: ours(`"f:ports": {` + first + `}`), applied: ours(`"f:ports": {` + first + "," + second + `}`), want: true},
		"what is not live": {content: `spec: {}`, live: ours(`"f:a": {}`), applied: ours(`"f:a": {}, "f:b": {}`)},
	} {
		t.Run(name, func(t *testing.T) {
			object := func(entries string) syncline.Object {
				return objectOf(t, fmt.Sprintf("{metadata: {name: o, managedFields: [%s]}, %s}", entries, test.content))
			}
			ignoring := rules{}
			if test.ignore != "" {
				ignoring.those = []syncline.IgnoreRule{{JSONPointers: []string{test.ignore}}}
			}
			in := Inquiry{Change: &syncline.Change{Desired: objectOf(t, "{metadata: {name: o}}")}}
			b := &Comparer{App: syncline.App{Dialect: convention.Dialect()}}
			got, err := b.isUnowned(t.Context(), in, object(test.live), object(test.applied), ignoring)
			if err != nil || got != test.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}
