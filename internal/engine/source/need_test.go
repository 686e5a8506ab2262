package source_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// silent is a server that does not answer, unless told.
type silent struct {
	mu    sync.Mutex
	asked []*demand.Claim
	ended int
	speak bool
}

func (s *silent) Refs(ctx context.Context, _ upstream.Repository) (upstream.Refs, error) {
	s.mu.Lock()
	s.asked = append(s.asked, demand.Of(ctx))
	speak := s.speak
	s.mu.Unlock()
	if speak {
		return upstream.Refs{Head: "refs/heads/main", Commits: map[string]string{"refs/heads/main": commit("1")}}, nil
	}
	<-ctx.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended++
	return upstream.Refs{}, ctx.Err()
}

func (s *silent) Find(context.Context, upstream.Repository, string) (string, error) {
	return "", syncline.Errorf(syncline.NotFound, "no")
}

// counts are how many listings were begun, and how many of them ended in vain.
func (s *silent) counts() (begun, ended int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked), s.ended
}

// owners are those for whom the last listing is.
func (s *silent) owners() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[len(s.asked)-1].Owners()
}

// users are who uses a repository.
type users struct {
	mu       sync.Mutex
	projects []string
}

func (u *users) set(projects ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.projects = projects
}

func (u *users) owners(upstream.Repository) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.projects
}

func (u *users) uses(repo upstream.Repository) bool { return len(u.owners(repo)) > 0 }

// needed runs a test of a server that does not answer, and of who uses it.
func needed(t *testing.T, test func(t *testing.T, world *silent, u *users, r *source.Resolver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		world, u := &silent{}, &users{projects: []string{"a"}}
		resolver := source.NewResolver(gitOf(world, nil), source.Options{Uses: u.uses, Owners: u.owners})
		ctx, cancel := context.WithCancel(t.Context())
		polled := make(chan error)
		go func() { polled <- resolver.Poll(ctx) }()
		test(t, world, u, resolver)
		cancel()
		if err := <-polled; err == nil {
			t.Error("polling has ended before it was told")
		}
		resolver.Close()
	})
}

// ask lets an App of a project ask, which gives up after a time.
func ask(t *testing.T, r *source.Resolver, project string, patience time.Duration) chan error {
	t.Helper()
	ctx, cancel := context.WithTimeout(demand.New(project).In(t.Context()), patience)
	asked := make(chan error, 1)
	go func() {
		defer cancel()
		_, err := resolveIn(ctx, r)
		asked <- err
	}()
	synctest.Wait()
	return asked
}

func resolveIn(ctx context.Context, r *source.Resolver) (source.Revision, error) {
	return r.Resolve(ctx, syncline.Source{TargetRevision: "main"}, upstream.Repository{Address: upstream.AddressOf(urlA)}, time.Minute)
}

func wantVain(t *testing.T, err error) {
	t.Helper()
	if syncline.KindOf(err) != syncline.Transient {
		t.Errorf("who gives up gets %v", err)
	}
}

func wantCounts(t *testing.T, world *silent, begun, ended int) {
	t.Helper()
	synctest.Wait()
	if b, e := world.counts(); b != begun || e != ended {
		t.Errorf("%d listings were begun and %d ended, want %d and %d", b, e, begun, ended)
	}
}

func TestAListingThatNobodyNeedsEnds(t *testing.T) {
	needed(t, func(t *testing.T, world *silent, u *users, r *source.Resolver) {
		wantVain(t, <-ask(t, r, "a", time.Minute))
		r.Review("https://example.com/other")
		r.Review(urlA) // a still needs it
		wantCounts(t, world, 1, 0)
		u.set()
		r.Review(urlA)
		wantCounts(t, world, 1, 1)
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's clock
		wantCounts(t, world, 1, 1)
		u.set("b")
		world.mu.Lock()
		world.speak = true
		world.mu.Unlock()
		if found, err := resolveIn(t.Context(), r); err != nil || found.ID != commit("1") {
			t.Errorf("who needs it from now on gets %v, %v", found, err)
		}
		wantCounts(t, world, 2, 1)
	})
}

// TestWhoCameMeanwhileIsNotForgotten asks while nobody is said to need it yet.
func TestWhoCameMeanwhileIsNotForgotten(t *testing.T) {
	needed(t, func(t *testing.T, world *silent, u *users, r *source.Resolver) {
		u.set()
		asked := ask(t, r, "a", time.Hour)
		world.mu.Lock()
		world.speak = true
		world.mu.Unlock()
		r.Review(urlA)
		if err := <-asked; err != nil {
			t.Errorf("who waits gets %v", err)
		}
		wantCounts(t, world, 2, 1)
	})
}

// TestAnotherWayEndsTheOld: a Secret came, and the old way is nobody's.
func TestAnotherWayEndsTheOld(t *testing.T) {
	needed(t, func(t *testing.T, world *silent, u *users, r *source.Resolver) {
		wantVain(t, <-ask(t, r, "a", time.Second))
		r.Outdate(func(string) bool { return false })
		wantCounts(t, world, 1, 0)
		u.set()
		r.Outdate(func(key string) bool { return key == urlA })
		wantCounts(t, world, 1, 1)
	})
}

func TestAListingIsForAllWhoWaitForIt(t *testing.T) {
	needed(t, func(t *testing.T, world *silent, u *users, r *source.Resolver) {
		for _, project := range []string{"a", "b", "a"} {
			wantVain(t, <-ask(t, r, project, time.Second))
		}
		wantCounts(t, world, 1, 0)
		if got := world.owners(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("it is for %v", got)
		}
	})
}

// TestPollingIsForThoseWhoUseIt, not for who asked once.
func TestPollingIsForThoseWhoUseIt(t *testing.T) {
	needed(t, func(t *testing.T, world *silent, u *users, r *source.Resolver) {
		world.speak = true
		if err := <-ask(t, r, "a", time.Second); err != nil {
			t.Fatal(err)
		}
		u.set("b", "c")
		time.Sleep(4 * time.Minute) //nolint:forbidigo // of the bubble's clock
		if got := world.owners(); !slices.Equal(got, []string{"b", "c"}) {
			t.Errorf("it is for %v", got)
		}
	})
}

// asking is a mirror that says for whom it is asked.
type asking struct{ owners []string }

func (a *asking) Fetch(ctx context.Context, _ upstream.Repository, _, _ string) error {
	a.owners = append(a.owners, fmt.Sprint("fetch ", demand.Of(ctx).Owners()))
	return nil
}

func (a *asking) Tree(ctx context.Context, _ upstream.Repository, _ string) (syncline.Tree, error) {
	a.owners = append(a.owners, fmt.Sprint("tree ", demand.Of(ctx).Owners()))
	return nil, syncline.Errorf(syncline.Transient, "none")
}

// TestAStageSaysForWhomItAsks, whatever it asks for.
func TestAStageSaysForWhomItAsks(t *testing.T) {
	world, mirror := &silent{speak: true}, &asking{}
	stage := source.New(source.NewResolver(gitOf(world, mirror), source.Options{}), &late{refreshed: 1}, nil)
	app, src := syncline.App{Project: "red"}, syncline.Source{RepoURL: urlA, TargetRevision: "main"}
	if _, err := stage.Resolve(t.Context(), app, src, time.Minute); err != nil {
		t.Fatal(err)
	}
	_, _ = stage.Tree(t.Context(), app, src, commit("1"))
	_, _ = stage.Difference(t.Context(), app, src, commit("1"), commit("2"))
	want := []string{"fetch [red]", "tree [red]", "fetch [red]", "tree [red]"}
	if !slices.Equal(mirror.owners, want) || !slices.Equal(world.owners(), []string{"red"}) {
		t.Errorf("it asked for %v, and listed for %v", mirror.owners, world.owners())
	}
}
