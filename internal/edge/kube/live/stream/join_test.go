package stream_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
)

// part is one of the sources of a Join.
type part struct {
	// from are the versions from which it was watched; "" for a reading.
	from []string
	now  *watch.FakeWatcher
	// pages are what it lists.
	pages map[string]*metav1.PartialObjectMetadataList
}

func (p *part) source() stream.Source {
	return stream.Source{
		List: func(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return p.pages[options.Continue].DeepCopy(), nil
		},
		Watch: func(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
			p.from = append(p.from, options.ResourceVersion)
			p.now = watch.NewFakeWithChanSize(10, false)
			return p.now, nil
		},
	}
}

func named(name, version string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version}}
}

func allTold(version string) *metav1.PartialObjectMetadata {
	mark := named("", version)
	mark.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	return mark
}

// TestJoinedWatches has two sources, of which each is told up to another version.
func TestJoinedWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		one, two := &part{}, &part{}
		joined := stream.Join(one.source(), two.source())
		var told []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			stream.Run(ctx, stream.Options{
				Open: func(context.Context) (stream.Source, error) { return joined, nil },
				Handle: func(event stream.Event) {
					text := fmt.Sprint(event.Type) + event.Version
					if object, ok := event.Object.(*metav1.PartialObjectMetadata); ok {
						text += " " + object.Name
					}
					told = append(told, text)
				},
			})
		}()
		expect := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			if !slices.Equal(told, want) {
				t.Errorf("%s: told %q, want %q", what, told, want)
			}
			told = nil
		}
		synctest.Wait()
		one.now.Add(named("a", "5"))
		one.now.Action(watch.Bookmark, allTold("10"))
		expect("before the second is read", fmt.Sprint(stream.Begin), fmt.Sprint(stream.Set)+" a")
		two.now.Action(watch.Bookmark, allTold("12"))
		expect("all is read", fmt.Sprint(stream.Complete)+"10")
		two.now.Modify(named("b", "20"))
		one.now.Action(watch.Bookmark, named("", "30"))
		expect("a change", fmt.Sprint(stream.Set)+" b")
		<-time.After(2 * time.Second)
		one.now.Stop()
		synctest.Wait()
		expect("after one ended", fmt.Sprint(stream.Progress)+"20")
		if want := []string{"", "30"}; !slices.Equal(one.from, want) {
			t.Errorf("the first is watched from %q, want %q", one.from, want)
		}
		if want := []string{"", "20"}; !slices.Equal(two.from, want) {
			t.Errorf("the second is watched from %q, want %q", two.from, want)
		}
		stop()
		<-done
	})
}

// TestJoinedLists reads the pages of one source after the other.
func TestJoinedLists(t *testing.T) {
	page := func(version, next, name string) *metav1.PartialObjectMetadataList {
		return &metav1.PartialObjectMetadataList{
			ListMeta: metav1.ListMeta{ResourceVersion: version, Continue: next},
			Items:    []metav1.PartialObjectMetadata{*named(name, "1")},
		}
	}
	one := &part{pages: map[string]*metav1.PartialObjectMetadataList{"": page("10", "more", "a"), "more": page("10", "", "b")}}
	two := &part{pages: map[string]*metav1.PartialObjectMetadataList{"": page("12", "", "c")}}
	joined := stream.Join(one.source(), two.source())
	var names []string
	options := metav1.ListOptions{Limit: 1}
	for {
		answer, err := joined.List(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		list := answer.(*metav1.PartialObjectMetadataList)
		names = append(names, list.Items[0].Name)
		if options.Continue = list.Continue; options.Continue == "" {
			if list.ResourceVersion != "10" {
				t.Errorf("it is complete up to %s", list.ResourceVersion)
			}
			break
		}
	}
	if !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("listed %v", names)
	}
	if _, err := joined.List(t.Context(), metav1.ListOptions{Continue: "7:"}); err == nil {
		t.Error("a page of no source is listed")
	}
}
