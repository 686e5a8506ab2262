package application_test

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

// Whatever an Application says, in its declaration, its status and its operation,
// it is read, and what is reported of it can be written.
func FuzzApplication(f *testing.F) {
	for _, seed := range []string{
		`{metadata: {name: a}, spec: {source: {repoURL: "https://git.example.com/a", path: a, helm: {values: "a: 1"}}}}`,
		`{metadata: {name: a, annotations: {argocd.argoproj.io/refresh: hard}}, spec: {sources: [{repoURL: x}, {ref: y}]}}`,
		`{spec: {syncPolicy: {automated: {prune: true}, retry: {limit: -1, backoff: {duration: 9223372036854775807, factor: 9223372036854775807, maxDuration: -1s}}}}}`,
		`{status: {operationState: {phase: Running, retryCount: 9000000000000000000, startedAt: "9999-01-01T00:00:00Z", operation: {sync: {revision: x}, retry: {limit: -5}}, syncResult: {resources: [{kind: x}]}}}}`,
		`{status: {history: [{id: -1}], resources: [{kind: "\u0000", name: "\ufdd0"}], sync: {comparedTo: {source: {repoURL: "::"}}}}}`,
		`{operation: {sync: {resources: [{kind: a, name: b}], syncOptions: ["a=b=c", "="], prune: true}, initiatedBy: {username: "\u001b[2J"}}}`,
		`{spec: {ignoreDifferences: [{kind: "*", jsonPointers: [/a/b, ""], jqPathExpressions: ["("]}], destination: {server: x, name: y}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		u := &unstructured.Unstructured{}
		if len(text) > 1<<16 || yaml.Unmarshal(text, &u.Object) != nil || u.Object == nil {
			return
		}
		bound.Limits{}.Run(t, func() {
			app, cr := application.Read(u, "argocd")
			report := application.ReportOf(app)
			report.At = time.Unix(1_800_000_000, 0)
			_, _ = application.Patch(report, cr) // an error is an answer
		})
	})
}
