package enginetest

import (
	"errors"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// The labels and the annotation of the dialect of [Labels], the file that changes how
// its sources are rendered, and what leaves a file out.
const (
	NameLabel    = "labels.example/name"
	SpaceLabel   = "labels.example/namespace"
	PruneOption  = "labels.example/prune"
	OverrideFile = "labels.yaml"
	SkipMarker   = "labels: skip"
)

// Labels returns a dialect as unlike Argo CD's as the engine allows: objects are
// marked by labels, applied under another field manager and kept in an inventory;
// there are no hooks and no waves, and one annotation or label, prune: disabled, keeps
// an object. One file says whether the folders below are rendered.
func Labels() *syncline.Dialect {
	return &syncline.Dialect{
		Name: "labels", Manager: "labels-controller", Inventory: true,
		Apps:      []schema.GroupKind{{Group: "labels.example", Kind: "Kustomization"}},
		Serving:   []schema.GroupKind{{Group: "labels.example", Kind: "Tenant"}},
		Ownership: labels{}, Conventions: labels{},
		Rendering: syncline.Rendering{Overrider: labels{}, Skip: SkipMarker, Variables: labels{}},
		Words:     syncline.Words{Approval: "a word with its owner", HookDelete: "nothing", HookPhases: "none", PreDelete: "none"},
	}
}

type labels struct{}

func (labels) Stamp(object syncline.Object, app syncline.App) syncline.Object {
	return object.WithLabel(NameLabel, app.ID.Name).WithLabel(SpaceLabel, app.ID.Namespace)
}

func (labels) Owner(_ syncline.Ref, object syncline.Marked) string {
	name, namespace := object.Label(NameLabel), object.Label(SpaceLabel)
	if name == "" || namespace == "" {
		return ""
	}
	return LabelsInstance(namespace, name)
}

// LabelsInstance is the [syncline.App.Instance] of an App of that dialect.
func LabelsInstance(namespace, name string) string { return "labels:" + namespace + "/" + name }

func (labels) Named(syncline.Marked) string { return "" }

func (labels) Proof() []string { return []string{"f:metadata", "f:labels", "f:" + NameLabel} }

func (labels) Steers(key string, _ bool) bool { return key == PruneOption }

func (labels) Beyond(string) string { return "" }

func (labels) Slip(string) string { return "" }

func (labels) Read(object syncline.Marked) syncline.Directive {
	if object.Annotation(PruneOption) == "disabled" || object.Label(PruneOption) == "disabled" {
		return syncline.Directive{Keep: PruneOption + ": disabled"}
	}
	return syncline.Directive{}
}

func (labels) Files(string) []string { return []string{OverrideFile} }

func (labels) IsFile(name string) bool { return name == OverrideFile }

func (labels) Override(source syncline.Source, content map[string]any) (syncline.Source, error) {
	deep, ok := content["deep"].(bool)
	if !ok {
		return source, errors.New("deep: it is neither true nor false")
	}
	source.Directory = &tool.Directory{Recurse: deep}
	return source, nil
}

func (labels) Fact(name string) (syncline.Fact, bool) {
	return syncline.FactInstance, name == "LABELS_APP"
}

func (labels) Environ(_ *tool.Plugin, _ syncline.Capabilities, fact func(syncline.Fact) string) []string {
	return []string{"LABELS_APP=" + fact(syncline.FactInstance)}
}
