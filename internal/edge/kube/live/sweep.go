package live

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
)

// sweep is what is known of the kinds that nobody asked for: an App may own
// objects of any kind, whatever it declares now. Each kind that the cluster
// serves is searched once for tracked objects, before anything is concluded from
// there being none, and again from time to time. The cache's lock guards it.
type sweep struct {
	// listed says that the kinds were found out once; err is why not all were.
	listed bool
	err    error
	// served are the versions of each kind, as they were told last.
	served map[schema.GroupKind][]schema.GroupVersionKind
	// pending are the kinds that are being searched for the first time.
	pending map[schema.GroupKind]struct{}
	// searched are those of which the tracked objects are known, or were when the
	// kind was last looked at; failed says why others could not be searched.
	searched map[schema.GroupKind]struct{}
	failed   map[schema.GroupKind]error
	// unknown is what follows for whoever asks what an instance owns.
	unknown error
}

const (
	// sweepFirst is the wait before what failed is searched again. Each further one
	// is twice as long, up to sweepLast.
	sweepFirst, sweepLast = 200 * time.Millisecond, time.Minute
	// sweepEvery is how often kinds are searched that had nothing tracked: objects
	// may have been restored from a backup.
	sweepEvery = time.Hour
	// sweepAgain is when the kinds are found out again after some changed, or after
	// a start: discovery tells them late.
	sweepAgain = 10 * time.Second
	// sweepPause is the least time between two passes.
	sweepPause = time.Second
	// sweepPatience bounds one request.
	sweepPatience = 15 * time.Second
	// sweepPage is how many objects one answer holds.
	sweepPage = 500
	// sweepers is how many kinds are searched at once.
	sweepers = 8
)

// Sweep begins to search the cluster for tracked objects; until it is called
// nobody knows what is owned. It is called once, and ends with the cache.
func (c *Cache) Sweep() { c.running.Go(c.sweeps) }

// sweeps searches the cluster until the cache is closed. Failures are tried again.
func (c *Cache) sweeps() {
	wait, all := sweepFirst, time.Now().Add(sweepEvery)
	look := time.Now().Add(sweepAgain)
	for c.ctx.Err() == nil {
		now := time.Now()
		every := now.After(all)
		if every {
			all = now.Add(sweepEvery/2 + rand.N(sweepEvery))
		}
		if every || now.After(look) {
			c.api.Outdated()
			look = all
		}
		pause := min(time.Until(all), time.Until(look))
		if c.sweepOnce(every) {
			wait = sweepFirst
		} else {
			pause, wait = min(pause, wait/2+rand.N(wait)), min(2*wait, sweepLast)
		}
		if c.awaitDefinitions(pause) {
			look = time.Now().Add(sweepAgain)
		}
	}
}

// awaitDefinitions waits, and reports whether kinds came, went or changed
// meanwhile. The changes of a short while are looked at together.
func (c *Cache) awaitDefinitions(pause time.Duration) (changed bool) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-c.ctx.Done():
		return false
	case <-c.definitions:
	}
	timer.Reset(sweepPause)
	select {
	case <-timer.C:
	case <-c.ctx.Done():
	}
	return true
}

// sweepOnce searches the kinds that were not searched yet, or all that are not
// watched, and reports whether everything is known.
func (c *Cache) sweepOnce(all bool) (complete bool) {
	kinds, err := c.api.Kinds(c.ctx)
	versions := map[schema.GroupKind][]schema.GroupVersionKind{}
	for _, gvk := range kinds {
		versions[gvk.GroupKind()] = append(versions[gvk.GroupKind()], gvk)
	}
	var group sync.WaitGroup
	slots := make(chan struct{}, sweepers)
	for _, of := range c.beginSweep(versions, err, all) {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found, err := c.search(of)
			c.searched(of[0].GroupKind(), found, err)
		})
	}
	group.Wait()
	if err != nil {
		c.api.Outdated() // so that the next pass asks again
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return err == nil && len(c.sweep.failed) == 0
}

// beginSweep returns what has to be searched, each kind in the versions in which
// it is served.
func (c *Cache) beginSweep(served map[schema.GroupKind][]schema.GroupVersionKind, err error, all bool) (next [][]schema.GroupVersionKind) {
	c.mu.Lock()
	s := &c.sweep
	s.err = err
	s.listed = s.listed || len(served) > 0 || err == nil
	if err == nil {
		missing := func(gk schema.GroupKind) bool { return served[gk] == nil }
		maps.DeleteFunc(s.searched, func(gk schema.GroupKind, _ struct{}) bool { return missing(gk) })
		maps.DeleteFunc(s.failed, func(gk schema.GroupKind, _ error) bool { return missing(gk) })
	}
	for gk, versions := range served {
		_, known := s.searched[gk]
		if c.kinds[gk] != nil || known && !all {
			continue
		}
		if !known && s.failed[gk] == nil {
			s.pending[gk] = struct{}{}
		}
		next = append(next, versions)
	}
	changed := s.serve(served)
	told := c.judgeSweep()
	c.mu.Unlock()
	told()
	for _, gk := range changed {
		c.options.OnReady(gk)
	}
	slices.SortFunc(next, func(a, b []schema.GroupVersionKind) int { return strings.Compare(a[0].String(), b[0].String()) })
	return next
}

// serve takes note of the versions in which kinds are served, and returns the kinds of
// which these changed.
func (s *sweep) serve(served map[schema.GroupKind][]schema.GroupVersionKind) (changed []schema.GroupKind) {
	for gk, versions := range served {
		if before, told := s.served[gk]; told && !slices.Equal(before, versions) {
			changed = append(changed, gk)
		}
	}
	if len(served) > 0 {
		s.served = served
	}
	return changed
}

// searched takes note of what the search of a kind came to. A kind that has
// tracked objects is watched from now on.
func (c *Cache) searched(gk schema.GroupKind, found *schema.GroupVersionKind, err error) {
	c.mu.Lock()
	s := &c.sweep
	_, before := s.searched[gk]
	delete(s.pending, gk)
	switch {
	case c.ctx.Err() != nil || c.kinds[gk] != nil: // which is known when the watch knows it
	case syncline.KindOf(err) == syncline.NotFound: // it went since the kinds were found out
		delete(s.failed, gk)
	case err != nil && !before:
		s.failed[gk] = err
	case err == nil && found != nil:
		delete(s.failed, gk)
		c.watch(*found, false)
	case err == nil:
		delete(s.failed, gk)
		s.searched[gk] = struct{}{}
	}
	told := c.judgeSweep()
	c.mu.Unlock()
	told()
}

// judgeSweep concludes what is not known. It returns what tells that, to be
// called without the lock.
func (c *Cache) judgeSweep() (told func()) {
	before := syncline.KindOf(c.sweep.unknown)
	c.sweep.unknown = c.unknown()
	if kind := syncline.KindOf(c.sweep.unknown); kind == before || c.ctx.Err() != nil { // whose end fails every search
		return func() {}
	} else if kind == syncline.Transient {
		slog.Warn("not every kind could be searched for tracked objects, trying again", "err", c.sweep.unknown)
	}
	return c.options.OnSwept
}

// unknown says why instances may own objects that are not known, or nil. It is
// Waiting when that is about to be known.
func (c *Cache) unknown() error {
	s := &c.sweep
	failed, waiting := maps.Clone(s.failed), len(s.pending)
	for gk, k := range c.kinds {
		if _, searched := s.searched[gk]; searched || k.known || k.absent() {
			continue
		}
		if k.err == nil {
			waiting++
		} else {
			failed[gk] = k.err
		}
	}
	switch {
	case !s.listed && s.err != nil:
		return fmt.Errorf("it is not known what the app owns: %w", s.err)
	case !s.listed:
		return syncline.Errorf(syncline.Waiting, "it is not known yet what the app owns: the kinds of the cluster are being found out")
	case waiting > 0:
		return syncline.Errorf(syncline.Waiting, "it is not known yet what the app owns: %d kinds are being searched", waiting)
	case len(failed) > 0:
		return unsearched(failed, s.err)
	case s.err != nil:
		return fmt.Errorf("it is not known whether the app owns more: %w", s.err)
	}
	return nil
}

// unsearched is the error about kinds that cannot be looked at. Where there may be
// others besides, it is not about kinds alone.
func unsearched(failed map[schema.GroupKind]error, also error) error {
	var cause error = syncline.UnseenError(failed)
	if also != nil {
		cause = fmt.Errorf("%s; %w", cause.Error(), also)
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Transient, "it is not known whether the app owns more: %w", cause),
		"make the kinds readable to Syncline, or remove what serves them; to leave what it owns, delete the app without cascading")
}

// search looks for a tracked object in the metadata of a kind's objects, and
// returns the version in which it was found. Where one version cannot be read,
// which may need a conversion that fails, another one does as well.
func (c *Cache) search(versions []schema.GroupVersionKind) (found *schema.GroupVersionKind, err error) {
	for _, gvk := range versions {
		tracked, failed := c.hasTracked(gvk)
		if failed == nil && tracked {
			return &gvk, nil
		}
		if failed == nil {
			return nil, nil
		}
		if err == nil {
			err = failed
		}
	}
	return nil, err
}

// hasTracked reports whether any object of a kind is tracked by an instance. A
// tracking annotation that was copied from another object is nobody's.
func (c *Cache) hasTracked(gvk schema.GroupVersionKind) (bool, error) {
	resource, err := c.api.Resource(c.ctx, gvk)
	if err != nil {
		return false, err
	}
	options := metav1.ListOptions{Limit: sweepPage}
	for {
		page, err := c.page(resource, options)
		if err != nil {
			return false, resource.Classify(err)
		}
		for i := range page.Items {
			item := &page.Items[i]
			ref := syncline.Ref{Group: gvk.Group, Kind: gvk.Kind, Namespace: item.Namespace, Name: item.Name}
			if owner, _ := c.options.Dialects.Owner(ref, partial{item}); owner != "" {
				return true, nil
			}
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return false, nil
		}
	}
}

// partial is an object of which only the metadata were read.
type partial struct{ *metav1.PartialObjectMetadata }

func (p partial) Annotation(key string) string { return p.Annotations[key] }

func (p partial) Label(key string) string { return p.Labels[key] }

func (c *Cache) page(resource Resource, options metav1.ListOptions) (*metav1.PartialObjectMetadataList, error) {
	ctx, cancel := context.WithTimeout(c.ctx, sweepPatience)
	defer cancel()
	answer, err := resource.Metadata.List(ctx, options)
	if err != nil {
		return nil, err
	}
	page, ok := answer.(*metav1.PartialObjectMetadataList)
	if !ok {
		return nil, fmt.Errorf("the answer is a %T", answer)
	}
	return page, nil
}
