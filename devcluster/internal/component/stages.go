package component

import (
	_ "embed"
	"fmt"
	"strings"

	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/config"
	"sigs.k8s.io/yaml"
)

// Where to find the annotations of pods that the README describes.
const (
	hang       = `.metadata.annotations["devcluster.syncline.io/hang"]`
	exit       = `.metadata.annotations["devcluster.syncline.io/exit"]`
	runFor     = `.metadata.annotations["devcluster.syncline.io/run-for"]`
	readyAfter = `.metadata.annotations["devcluster.syncline.io/ready-after"]`
)

// condition is one of a stage's selector, by a jq expression.
type condition struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"`
	Values   []string `json:"values,omitempty"`
}

//go:embed stages.yaml
var ownStages string

// stages is the whole play, by the kind of object: KWOK's fast stages, narrowed so that they leave alone what this
// cluster's own stages handle, and those.
func stages() (map[internalversion.StageResourceRef][]*internalversion.Stage, error) {
	ready, err := narrowed(podfast.DefaultPodReady, readyAfter,
		condition{Key: hang, Operator: "NotIn", Values: []string{"true"}},
		condition{Key: `select(.spec.restartPolicy == "Always") | ` + exit, Operator: "DoesNotExist"})
	if err != nil {
		return nil, err
	}
	complete, err := narrowed(podfast.DefaultPodComplete, runFor, condition{Key: exit, Operator: "DoesNotExist"})
	if err != nil {
		return nil, err
	}
	sources := append(strings.Split(ownStages, "\n---\n"), nodefast.DefaultNodeInit, ready, complete, podfast.DefaultPodDelete)
	groups := map[internalversion.StageResourceRef][]*internalversion.Stage{}
	for _, source := range sources {
		stage, err := config.UnmarshalWithType[*internalversion.Stage](source)
		if err != nil {
			return nil, fmt.Errorf("reading a stage: %w", err)
		}
		groups[stage.Spec.ResourceRef] = append(groups[stage.Spec.ResourceRef], stage)
	}
	return groups, nil
}

// narrowed adds conditions to a stage's selector, and a delay that an annotation of the object sets.
func narrowed(source, delayFrom string, more ...condition) (string, error) {
	var stage struct {
		APIVersion string         `json:"apiVersion"`
		Kind       string         `json:"kind"`
		Metadata   map[string]any `json:"metadata"`
		Spec       map[string]any `json:"spec"`
	}
	if err := yaml.UnmarshalStrict([]byte(source), &stage); err != nil {
		return "", fmt.Errorf("reading KWOK's stage: %w", err)
	}
	selector, ok := stage.Spec["selector"].(map[string]any)
	if !ok {
		return "", fmt.Errorf("KWOK's stage %v has no selector", stage.Metadata["name"])
	}
	conditions, _ := selector["matchExpressions"].([]any)
	for _, condition := range more {
		conditions = append(conditions, condition)
	}
	selector["matchExpressions"] = conditions
	stage.Spec["delay"] = map[string]any{
		"durationMilliseconds": 0,
		"durationFrom":         map[string]any{"expressionFrom": delayFrom},
	}
	out, err := yaml.Marshal(stage)
	return string(out), err
}
