package demo

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What one watch has told does not mean that another has caught up: whoever goes on with objects waits for each.
func TestKnowWaitsForEveryObject(t *testing.T) {
	eyes := newObserver(nil)
	keys := leafletKeys()
	for _, object := range keys[1:] {
		eyes.seen[object] = &unstructured.Unstructured{Object: map[string]any{}}
	}
	if _, err := eyes.know(t.Context(), time.Millisecond, keys...); err == nil || !strings.Contains(err.Error(), "visitor/leaflet-0") {
		t.Errorf("an object that is not known does not stop it: %v", err)
	}
	if got := (view{}).uid(keys[0]); got != "" {
		t.Errorf("an object that is not known has the UID %q", got)
	}
	late := &unstructured.Unstructured{Object: map[string]any{}}
	late.SetUID("7")
	go eyes.change(func() { eyes.seen[keys[0]] = late })
	seen, err := eyes.know(t.Context(), readyLimit, keys...)
	if err != nil || seen.uid(keys[0]) != "7" {
		t.Errorf("know tells %q (%v), not the object that came", seen.uid(keys[0]), err)
	}
}

// A defect of the demo stops what it started, in order.
func TestPanicIsContained(t *testing.T) {
	s := &stage{say: &narrator{out: &strings.Builder{}}}
	stopped := false
	s.closing(func(context.Context) error { stopped = true; return nil })
	err := errors.Join(contained(func() error { var none view; return errors.New(none[key{}].GetName()) }), s.stop(t.Context()))
	if err == nil || !strings.Contains(err.Error(), "panicked") || !stopped {
		t.Errorf("stopped %t, error %v", stopped, err)
	}
}
