package project_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/dialect/argo/project"
)

// A project that cannot be read is an error.
func FuzzProject(f *testing.F) {
	for _, seed := range []string{
		`{metadata: {name: a}, spec: {sourceRepos: ["*", "!https://x/{a,{b,c}}"], destinations: [{server: "[", namespace: "{{{"}]}}`,
		`{spec: {clusterResourceWhitelist: [{group: "*", kind: "*"}], namespaceResourceBlacklist: [{kind: "{a,b"}], roles: [{name: x}]}}`,
		`{spec: {syncWindows: [{kind: allow}], signatureKeys: [{keyID: x}], orphanedResources: {}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		u := &unstructured.Unstructured{}
		if len(text) > 1<<16 || yaml.Unmarshal(text, &u.Object) != nil || u.Object == nil {
			return
		}
		bound.Limits{}.Run(t, func() { _, _ = project.Read(u) })
	})
}
