package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
)

const (
	// visitor is an Application that comes by one commit and goes by another; also its folder and namespace.
	visitor     = "visitor"
	visitorFile = appsFolder + visitor + ".yaml"
	// leaflets is how many ConfigMaps it has beside the one called hello: more than may be pruned without asking.
	leaflets = 12
)

func leaflet(number int) string { return fmt.Sprintf("leaflet-%d", number) }

// leafletKeys are all of them.
func leafletKeys() []key {
	keys := make([]key, 0, leaflets)
	for number := range leaflets {
		keys = append(keys, key{configMaps(), types.NamespacedName{Namespace: visitor, Name: leaflet(number)}})
	}
	return keys
}

// eachLeaflet is a condition that holds for all of them.
func eachLeaflet(holds func(object key) condition) condition {
	conditions := make([]condition, 0, leaflets)
	for _, object := range leafletKeys() {
		conditions = append(conditions, holds(object))
	}
	return all(conditions...)
}

// arrive adds an Application by a commit.
func (s *stage) arrive(ctx context.Context, result *Result) error {
	manifest, err := visitorApp(s.apps["waves"])
	if err != nil {
		return err
	}
	files := map[string]string{visitorFile: manifest, visitor + "/hello.yaml": configMap("hello")}
	for number := range leaflets {
		files[visitor+"/"+leaflet(number)+".yaml"] = configMap(leaflet(number))
	}
	began, err := s.committed(ctx, testenv.GitCommit{Message: "Add the Application visitor", Files: files})
	if err != nil {
		return err
	}
	if err := s.eyes.await(ctx, readyLimit, present(configMaps(), visitor, "hello")); err != nil {
		return err
	}
	result.AppAdded = since(began)
	s.say.sayf("ConfigMap visitor/hello was there after %d ms", result.AppAdded)
	return s.eyes.await(ctx, readyLimit, delivered(visitor, s.revision))
}

// visitorApp is an Application like the given one, but for where it is and where it goes.
func visitorApp(like *unstructured.Unstructured) (string, error) {
	app := like.DeepCopy()
	app.SetName(visitor)
	for _, set := range [][]string{{"spec", "source", "path"}, {"spec", "destination", "namespace"}} {
		if err := unstructured.SetNestedField(app.Object, visitor, set...); err != nil {
			return "", err
		}
	}
	manifest, err := json.MarshalIndent(app, "", "  ")
	return string(manifest), err
}

func configMap(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\n"
}

// guard deletes most of the files at once, sees that nothing is deleted, and approves it.
func (s *stage) guard(ctx context.Context, result *Result) error {
	before, err := s.eyes.know(ctx, readyLimit, leafletKeys()...)
	if err != nil {
		return err
	}
	deletion := testenv.GitCommit{Message: "Delete nearly everything of visitor"}
	for number := range leaflets {
		deletion.Delete = append(deletion.Delete, visitor+"/"+leaflet(number)+".yaml")
	}
	if _, err := s.committed(ctx, deletion); err != nil {
		return err
	}
	if err := s.eyes.await(ctx, readyLimit, hasCondition(visitor, s.revision, string(syncline.PruneApprovalRequired))); err != nil {
		return err
	}
	seen, _ := s.eyes.now()
	untouched := eachLeaflet(func(object key) condition { return same(object, before.uid(object)) })
	if why := untouched(seen); why != "" {
		return fmt.Errorf("the prune guard did not hold: %s", why)
	}
	s.say.sayf("Syncline asks before it deletes %d of %d objects", leaflets, leaflets+1)
	if err := s.syncline(ctx, "app", "sync", visitor, "--approve-prune"); err != nil {
		return err
	}
	gone := eachLeaflet(func(object key) condition { return absent(object.resource, visitor, object.name.Name) })
	if err := s.eyes.await(ctx, readyLimit, all(gone, present(configMaps(), visitor, "hello"))); err != nil {
		return err
	}
	result.GuardOK = true
	s.say.sayf("once approved by syncline app sync visitor --approve-prune, they were deleted")
	return nil
}

// syncline runs a command as a person would.
func (s *stage) syncline(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, s.options.Syncline, append(args, "--kubeconfig", s.cluster.Kubeconfig, "--timeout", readyLimit.String())...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("syncline %s: %w\n%s", args, err, output)
	}
	return nil
}

// leave removes the Application by a commit.
func (s *stage) leave(ctx context.Context, result *Result) error {
	began, err := s.committed(ctx, testenv.GitCommit{
		Message: "Remove the Application visitor", Delete: []string{visitorFile},
	})
	if err != nil {
		return err
	}
	gone := all(absent(configMaps(), visitor, "hello"), absent(applications(), controlNamespace, visitor))
	if err := s.eyes.await(ctx, readyLimit, gone); err != nil {
		return err
	}
	result.AppRemoved = since(began)
	s.say.sayf("it and its Application were gone after %d ms", result.AppRemoved)
	return nil
}
