package render

import (
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
)

// ParseSource reads the tool options of a source as people write them.
func ParseSource(text []byte) (syncline.Source, error) {
	var argo argoSource
	if err := yaml.UnmarshalStrict(text, &argo); err != nil {
		return syncline.Source{}, err
	}
	return argo.over(syncline.Source{})
}
