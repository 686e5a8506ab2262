// Package fetchertest is what every [source.Fetcher] has to be like, as the Resolver
// and the Stage rely on it. What target revisions mean is each kind's own matter.
package fetchertest

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// Origin is a repository of one kind that holds nothing yet, and what reads it.
type Origin struct {
	Fetcher    source.Fetcher
	Repository upstream.Repository
	// Source follows what is published; Other is one that wants what never is.
	Source, Other syncline.Source
	// Nowhere is a revision that looks like one, and is none.
	Nowhere string
	// File is where Publish puts what is looked for. Default: "folder/file".
	File string
	// Fleeting: what is published takes the place of what was there, which can be shown
	// only if it was fetched before.
	Fleeting bool
	// Publish makes the files what Source means from now on.
	Publish func(files map[string]string)
	// Shut makes the server unreachable for good.
	Shut func()
}

// Run tests the Fetchers of Origins, each of its own.
func Run(t testing.TB, newOrigin func(t testing.TB) Origin) {
	t.Helper()
	for _, fact := range []struct {
		name string
		test func(*suite)
	}{
		{"what was published", (*suite).published}, {"a listing does not change", (*suite).lasting}, {"the same listed twice", (*suite).same},
		{"what is not there", (*suite).missing}, {"who gave up", (*suite).givenUp}, {"what is not fetched", (*suite).unfetched},
		{"a revision that is none", (*suite).nowhere}, {"revisions beside each other", (*suite).beside}, {"no server", (*suite).shut},
		{"a source that names its revision", (*suite).named}, {"what led to it does not matter", (*suite).withoutBy}, {"many at once", (*suite).concurrent},
		{"what was overtaken", (*suite).overtaken},
	} {
		origin := newOrigin(t)
		origin.File = cmp.Or(origin.File, "folder/file")
		fact.test(&suite{TB: t, Origin: origin, fact: fact.name})
	}
}

// suite is one fact about one Origin.
type suite struct {
	testing.TB
	Origin
	fact string
}

func (s *suite) failf(format string, args ...any) {
	s.Helper()
	s.Errorf(s.fact+": "+format, args...)
}

func (s *suite) fatalf(format string, args ...any) {
	s.Helper()
	s.Fatalf(s.fact+": "+format, args...)
}

// list lists what the repository has of what is published.
func (s *suite) list() source.Listing {
	s.Helper()
	return s.listOf(source.TargetOf(s.Source))
}

// listOf lists what the repository has of what a source wants.
func (s *suite) listOf(want source.Target) source.Listing {
	s.Helper()
	listing, err := s.Fetcher.List(s.Context(), s.Repository, s.Fetcher.Scope(want))
	if err != nil {
		s.fatalf("List: %v", err)
	}
	return listing
}

// resolve resolves what was published.
func (s *suite) resolve(in source.Listing) source.Revision {
	s.Helper()
	found, err := in.Resolve(s.Context(), source.TargetOf(s.Source))
	if err != nil || found.ID == "" {
		s.fatalf("Resolve = %+v, %v", found, err)
	}
	return found
}

// publish publishes a file with a text, and returns the revision that it became.
func (s *suite) publish(text string) source.Revision {
	s.Helper()
	s.Publish(map[string]string{s.File: text})
	return s.resolve(s.list())
}

// has wants a revision that is present to have the text.
func (s *suite) has(revision source.Revision, text string) {
	s.Helper()
	tree, err := s.Fetcher.Tree(s.Context(), s.Repository, s.Source, revision)
	if err != nil {
		s.failf("Tree(%s): %v", revision.ID, err)
		return
	}
	if got, err := tree.ReadFile(s.File); err != nil || string(got) != text {
		s.failf("at %s the file has %q, %v, want %q", revision.ID, got, err, text)
	}
}

func (s *suite) fetch(revision source.Revision) {
	s.Helper()
	if err := s.Fetcher.Fetch(s.Context(), s.Repository, s.Source, revision); err != nil {
		s.fatalf("Fetch(%s): %v", revision.ID, err)
	}
}

// wants an error of a kind that says of which repository it is.
func (s *suite) wants(what string, err error, kind syncline.Kind) {
	s.Helper()
	if syncline.KindOf(err) != kind || !strings.Contains(err.Error(), s.Repository.Address.String()) {
		s.failf("%s: the error is %v (%s), want %s that names %s", what, err, syncline.KindOf(err), kind, s.Repository.Address)
	}
}

// published is resolved, fetched, as often as one likes, and shown.
func (s *suite) published() {
	for _, text := range []string{"one", "two"} {
		revision := s.publish(text)
		if !revision.At.IsZero() {
			s.failf("the Fetcher says when: %v", revision.At)
		}
		s.fetch(revision)
		s.fetch(revision)
		s.has(revision, text)
	}
	if size := s.list().Size(); size < 1 {
		s.failf("its size is %d", size)
	}
}

// lasting listings tell what was so when they were made.
func (s *suite) lasting() {
	s.Publish(map[string]string{s.File: "one"})
	before := s.list()
	first := s.resolve(before)
	second := s.publish("two")
	if again := s.resolve(before); again != first || second.ID == first.ID {
		s.failf("%+v became %+v, and anew it is %+v", first, again, second)
	}
	if before.Digest() == s.list().Digest() {
		s.failf("the digest is the same as before")
	}
}

// same is what nobody changed.
func (s *suite) same() {
	s.Publish(map[string]string{s.File: "one"})
	one, two := s.list(), s.list()
	if s.resolve(one) != s.resolve(two) || one.Digest() != two.Digest() || one.Size() != two.Size() {
		s.failf("%+v, and again %+v", s.resolve(one), s.resolve(two))
	}
}

// missing is what nothing is called.
func (s *suite) missing() {
	s.publish("one")
	want := source.TargetOf(s.Other)
	if known, err := s.Fetcher.Known(want); err != nil || known.ID != "" {
		s.failf("Known = %+v, %v", known, err)
	}
	found, err := s.listOf(want).Resolve(s.Context(), want)
	s.wants("Resolve", err, syncline.NotFound)
	if found.ID != "" {
		s.failf("found %+v", found)
	}
	if searcher, able := s.Fetcher.(source.Searcher); able {
		if found, err := searcher.Search(s.Context(), s.Repository, want); syncline.KindOf(err) != syncline.NotFound || found.ID != "" {
			s.failf("Search = %+v, %v", found, err)
		}
	}
}

// givenUp asks for what nobody waits for any more.
func (s *suite) givenUp() {
	revision := s.publish("one")
	listing := s.list()
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	if _, err := s.Fetcher.List(ctx, s.Repository, s.Fetcher.Scope(source.TargetOf(s.Source))); err == nil {
		s.failf("it is listed")
	}
	if _, err := listing.Resolve(ctx, source.TargetOf(s.Source)); err != nil && !errors.Is(err, context.Canceled) {
		s.failf("Resolve: %v", err)
	}
	s.fetch(revision) // it does not remember that somebody gave up
	s.has(revision, "one")
}

// unfetched is not there, but may be later.
func (s *suite) unfetched() {
	revision := s.publish("one")
	_, err := s.Fetcher.Tree(s.Context(), s.Repository, s.Source, revision)
	s.wants("Tree", err, syncline.Transient)
}

// nowhere is not there, and will not be.
func (s *suite) nowhere() {
	s.publish("one")
	err := s.Fetcher.Fetch(s.Context(), s.Repository, s.Source, source.Revision{ID: s.Nowhere})
	s.wants("Fetch", err, syncline.NotFound)
}

// beside each other revisions stay what they are.
func (s *suite) beside() {
	first := s.publish("one")
	s.fetch(first)
	before, err := s.Fetcher.Tree(s.Context(), s.Repository, s.Source, first)
	if err != nil {
		s.fatalf("Tree: %v", err)
	}
	second := s.publish("two")
	s.fetch(second)
	s.has(second, "two")
	s.has(first, "one")
	if got, err := before.ReadFile(s.File); err != nil || string(got) != "one" {
		s.failf("in the tree of before the file has %q, %v", got, err)
	}
}

// shut is a server that cannot be reached: what is present is shown, and no more.
func (s *suite) shut() {
	revision := s.publish("one")
	s.fetch(revision)
	s.Shut()
	_, err := s.Fetcher.List(s.Context(), s.Repository, s.Fetcher.Scope(source.TargetOf(s.Source)))
	s.wants("List", err, syncline.Transient)
	s.fetch(revision)
	s.has(revision, "one")
	err = s.Fetcher.Fetch(s.Context(), s.Repository, s.Source, source.Revision{ID: s.Nowhere})
	s.wants("Fetch", err, syncline.Transient)
}

// named is what a source says itself, if the kind knows that: nothing is listed for it.
func (s *suite) named() {
	revision := s.publish("one")
	s.publish("two")
	pinned := s.Source
	pinned.TargetRevision = revision.ID
	known, err := s.Fetcher.Known(source.TargetOf(pinned))
	switch {
	case err != nil:
		s.failf("Known: %v", err)
	case known.ID == "": // it is looked for
		if known, err = s.listOf(source.TargetOf(pinned)).Resolve(s.Context(), source.TargetOf(pinned)); err != nil {
			s.failf("Resolve: %v", err)
		}
	}
	if known.ID != revision.ID || !known.At.IsZero() {
		s.failf("%s stands for %+v", revision.ID, known)
	}
	if known, err := s.Fetcher.Known(source.TargetOf(s.Source)); err != nil || known.ID != "" {
		s.failf("what is followed is known: %+v, %v", known, err)
	}
}

// withoutBy fetches what is named alone, as a status does.
func (s *suite) withoutBy() {
	revision := s.publish("one")
	if s.Fleeting {
		s.fetch(revision)
	}
	s.publish("two")
	revision.By = ""
	s.fetch(revision)
	s.has(revision, "one")
}

// concurrent is everything at once.
func (s *suite) concurrent() {
	revision := s.publish("one")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			listing, err := s.Fetcher.List(s.Context(), s.Repository, s.Fetcher.Scope(source.TargetOf(s.Source)))
			if err != nil {
				s.failf("List: %v", err)
				return
			}
			if found, err := listing.Resolve(s.Context(), source.TargetOf(s.Source)); err != nil || found != revision {
				s.failf("Resolve = %+v, %v", found, err)
			}
			if err := s.Fetcher.Fetch(s.Context(), s.Repository, s.Source, revision); err != nil {
				s.failf("Fetch: %v", err)
				return
			}
			s.has(revision, "one")
		})
	}
	group.Wait()
}

// overtaken is what was published anew before it was fetched: it is itself, or it is told
// that something else is there, which the next listing shows.
func (s *suite) overtaken() {
	before := s.publish("one")
	s.Publish(map[string]string{"folder/file": "two"})
	if !s.Fleeting {
		s.fetch(before)
		s.has(before, "one")
		return
	}
	s.wants("Fetch", s.Fetcher.Fetch(s.Context(), s.Repository, s.Source, before), syncline.Transient)
	_, err := s.Fetcher.Tree(s.Context(), s.Repository, s.Source, before)
	s.wants("Tree", err, syncline.Transient)
	now := s.resolve(s.list())
	s.fetch(now)
	s.has(now, "two")
}
