package application_test

import (
	"context"
	"encoding/json"
	"reflect"
	"strconv"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

// versions is an API server that has one Application: a patch that changes nothing makes no
// version of it, and one that names another version is refused.
type versions struct {
	t      *testing.T
	object *unstructured.Unstructured
	writes int
}

func (v *versions) PatchApplication(_ context.Context, _ syncline.AppID, text []byte) (*unstructured.Unstructured, error) {
	var named struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(text, &named); err != nil {
		return nil, err
	}
	if version := named.Metadata.ResourceVersion; version != "" && version != v.object.GetResourceVersion() {
		return nil, syncline.Errorf(syncline.Conflict, "the Application is another")
	}
	if patched := apply(v.t, v.object, text); !reflect.DeepEqual(patched.Object, v.object.Object) {
		number, err := strconv.Atoi(v.object.GetResourceVersion())
		if err != nil {
			return nil, err
		}
		patched.SetResourceVersion(strconv.Itoa(number + 1))
		v.object, v.writes = patched, v.writes+1
	}
	return v.object.DeepCopy(), nil
}

// ask asks for a refresh as argocd does.
func (v *versions) ask(how string) {
	v.t.Helper()
	if _, err := v.PatchApplication(v.t.Context(), syncline.AppID{}, []byte(`{"metadata":{"annotations":{"argocd.argoproj.io/refresh":"`+how+`"}}}`)); err != nil {
		v.t.Fatal(err)
	}
}

// Whoever asks for the same again while a turn answers, which read its sources already, is
// answered by another turn.
func TestWhoAsksForTheSameMeanwhileIsHeard(t *testing.T) {
	for _, how := range []string{"normal", "hard", ""} {
		t.Run(how, func(t *testing.T) {
			server := &versions{t: t, object: sighting("10", nil)}
			store := newStore(server)
			server.ask(how)
			wanted, _ := store.Put(server.object.DeepCopy())
			app, err := store.Take(t.Context(), wanted)
			if err != nil || app.Refresh != wanted.Refresh {
				t.Fatalf("a refresh %q that was taken up is %q: %v", wanted.Refresh, app.Refresh, err)
			}
			if again, err := store.Take(t.Context(), app); err != nil || again.Past.ResourceVersion != app.Past.ResourceVersion {
				t.Errorf("what is taken up already is taken up in version %s, %v", again.Past.ResourceVersion, err)
			}
			answer := syncline.Report{App: app.ID, ResourceVersion: app.Past.ResourceVersion, Resolved: true, Sync: syncline.Synced}
			server.ask(how)
			if err := store.save(t, answer); syncline.KindOf(err) != syncline.Conflict {
				t.Fatalf("the answer to the first takes away the second: %v", err)
			}

			seen, _ := store.Put(server.object.DeepCopy())
			if app, err = store.Take(t.Context(), seen); err != nil {
				t.Fatal(err)
			}
			answer.ResourceVersion = app.Past.ResourceVersion
			if err := store.save(t, answer); err != nil {
				t.Fatal(err)
			}
			if annotations := server.object.GetAnnotations(); len(annotations) > 0 {
				t.Errorf("what was answered is still asked for: %v", annotations)
			}
		})
	}
}

func TestWhatIsNotTakenUp(t *testing.T) {
	refresh := set("normal", "metadata", "annotations", "argocd.argoproj.io/refresh")
	for name, change := range map[string]func(map[string]any){
		"nothing asked": nil,
		"taken up by another process": func(content map[string]any) {
			set("hard-taken-up", "metadata", "annotations", "argocd.argoproj.io/refresh")(content)
		},
		"paused": func(content map[string]any) {
			refresh(content)
			set("true", "metadata", "annotations", "argocd.argoproj.io/skip-reconcile")(content)
		},
		"being deleted": func(content map[string]any) {
			refresh(content)
			set("2026-01-02T03:04:05Z", "metadata", "deletionTimestamp")(content)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := &versions{t: t, object: sighting("10", change)}
			store := newStore(server)
			app, _ := store.Put(server.object.DeepCopy())
			if taken, err := store.Take(t.Context(), app); err != nil || server.writes > 0 || taken.Refresh != app.Refresh {
				t.Errorf("%d writes, and the refresh is %q: %v", server.writes, taken.Refresh, err)
			}
		})
	}
}

// A refresh that was replaced since it was read is left to the next turn.
func TestAnotherRefreshIsNotTakenUp(t *testing.T) {
	server := &versions{t: t, object: sighting("10", nil)}
	store := newStore(server)
	server.ask("normal")
	app, _ := store.Put(server.object.DeepCopy())
	server.ask("hard")
	if taken, err := store.Take(t.Context(), app); syncline.KindOf(err) != syncline.Conflict || !reflect.DeepEqual(taken, app) {
		t.Errorf("taken up is %q, %v", taken.Refresh, err)
	}
	if value := server.object.GetAnnotations()["argocd.argoproj.io/refresh"]; value != "hard" {
		t.Errorf("what is asked for is %q", value)
	}
}

var _ application.Resources = (*versions)(nil)
