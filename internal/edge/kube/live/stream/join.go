package stream

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/watch"
)

// Join returns the source of all objects of several, such as those of a kind in
// some namespaces. Each is followed from where it was told up to itself; where one
// ends or fails, all are watched anew.
func Join(sources ...Source) Source {
	if len(sources) == 1 {
		return sources[0]
	}
	j := &joined{sources: sources, versions: make([]string, len(sources))}
	return Source{List: j.list, Watch: j.watch}
}

// joined is the state of a Join.
type joined struct {
	sources []Source

	mu sync.Mutex
	// versions are up to where each source was told.
	versions []string
}

// list reads one page of one source after the other. What follows is named by the
// place of the source, ":" and what it calls the next page.
func (j *joined) list(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	place, next, _ := strings.Cut(options.Continue, ":")
	at, err := strconv.Atoi("0" + place)
	if err != nil || at >= len(j.sources) {
		return nil, errors.New("there is no such page")
	}
	options.Continue = next
	answer, err := j.sources[at].List(ctx, options)
	if err != nil {
		return nil, err
	}
	list, err := meta.ListAccessor(answer)
	if err != nil {
		return nil, err
	}
	j.reached(at, list.GetResourceVersion())
	list.SetResourceVersion(j.least(at))
	switch next = list.GetContinue(); {
	case next != "":
		list.SetContinue(strconv.Itoa(at) + ":" + next)
	case at+1 < len(j.sources):
		list.SetContinue(strconv.Itoa(at+1) + ":")
	}
	return answer, nil
}

func (j *joined) reached(at int, version string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.versions[at] = version
}

// least is up to where each of the sources up to one was told.
func (j *joined) least(upTo int) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	least := j.versions[0]
	for _, version := range j.versions[1 : upTo+1] {
		if order, err := resourceversion.CompareResourceVersion(version, least); err == nil && order < 0 {
			least = version
		}
	}
	return least
}

// watch watches all sources at once.
func (j *joined) watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &joinedWatch{joined: j, results: make(chan watch.Event), cancel: cancel, reading: map[int]bool{}}
	var started []watch.Interface
	for at, source := range j.sources {
		if options.SendInitialEvents != nil {
			w.reading[at] = true
		} else {
			j.mu.Lock()
			options.ResourceVersion = j.versions[at]
			j.mu.Unlock()
		}
		one, err := source.Watch(ctx, options)
		if err != nil {
			cancel()
			for _, other := range started {
				other.Stop()
			}
			return nil, err
		}
		started = append(started, one)
	}
	for at, one := range started {
		w.running.Go(func() { w.forward(ctx, at, one) })
	}
	go func() {
		w.running.Wait()
		close(w.results)
	}()
	return w, nil
}

// joinedWatch is a watch of all sources. The first that ends, ends it.
type joinedWatch struct {
	joined  *joined
	results chan watch.Event
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu sync.Mutex
	// reading are the sources of which not every object was told yet.
	reading map[int]bool
}

func (w *joinedWatch) ResultChan() <-chan watch.Event { return w.results }

// Stop ends the watch of every source.
func (w *joinedWatch) Stop() { w.cancel() }

// forward hands on what one source tells. A bookmark is of one source: only that
// all was told of all of them is handed on.
func (w *joinedWatch) forward(ctx context.Context, at int, one watch.Interface) {
	defer w.cancel()
	defer one.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event, open := <-one.ResultChan():
			if !open {
				return
			}
			if !w.note(at, event) {
				continue
			}
			select {
			case w.results <- event:
			case <-ctx.Done():
				return
			}
		}
	}
}

// note takes note of how far a source was told, and reports whether the event is
// to be handed on.
func (w *joinedWatch) note(at int, event watch.Event) (tell bool) {
	object, err := meta.Accessor(event.Object)
	if err != nil || event.Type == watch.Error {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	reading := w.reading[at]
	end := event.Type == watch.Bookmark && object.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true"
	if !reading || end {
		w.joined.reached(at, object.GetResourceVersion())
	}
	if !end {
		return event.Type != watch.Bookmark
	}
	delete(w.reading, at)
	object.SetResourceVersion(w.joined.least(len(w.joined.versions) - 1))
	return reading && len(w.reading) == 0
}
