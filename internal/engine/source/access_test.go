package source_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// guarded lets in who has the password, and counts who asks.
type guarded struct {
	mu    sync.Mutex
	asked int
	many  int // tags
}

func (g *guarded) Refs(_ context.Context, repo upstream.Repository) (upstream.Refs, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	if repo.Password != "right" {
		return upstream.Refs{}, syncline.Errorf(syncline.Denied, "access was refused")
	}
	refs := upstream.Refs{Head: "refs/heads/main", Commits: map[string]string{"HEAD": commit("1"), "refs/heads/main": commit("1")}}
	for i := range g.many {
		refs.Commits[fmt.Sprintf("refs/tags/t%d", i)] = commit("2")
	}
	return refs, nil
}

func (g *guarded) Find(context.Context, upstream.Repository, string) (string, error) {
	return "", syncline.Errorf(syncline.NotFound, "no")
}

func (g *guarded) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked
}

func with(password sealed.Text) upstream.Repository {
	return upstream.Repository{Address: upstream.AddressOf(urlA), Username: "u", Password: password}
}

// TestAWrongPasswordFailsForNobodyElse has two projects that follow one
// repository, of which one has a wrong password, also in its address.
func TestAWrongPasswordFailsForNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resolver := source.NewResolver(gitOf(&guarded{}, nil), source.Options{})
		main := syncline.Source{TargetRevision: "main"}
		inAddress := upstream.Repository{Address: upstream.AddressOf("https://u:wrong@example.com/a")}
		for range 5 {
			for _, stranger := range []upstream.Repository{with("wrong"), inAddress} {
				if _, err := resolver.Resolve(t.Context(), main, stranger, time.Minute); syncline.KindOf(err) != syncline.Denied {
					t.Errorf("the stranger gets %v", err)
				}
				if _, ok := resolver.Remembered(main, stranger); ok {
					t.Error("the stranger is shown what another learned")
				}
			}
			if found, err := resolver.Resolve(t.Context(), main, with("right"), time.Minute); err != nil || found.ID != commit("1") {
				t.Errorf("got %v, %v", found, err)
			}
			time.Sleep(2 * time.Minute) //nolint:forbidigo // of the bubble's clock
		}
	})
}

// TestAWayThatCameBackShowsWhatIsNew: what was heard before its Secret changed
// may be old.
func TestAWayThatCameBackShowsWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := &guarded{}
		resolver := source.NewResolver(gitOf(world, nil), source.Options{})
		for i, test := range []struct {
			concerned bool
			asked     int
		}{{false, 1}, {false, 1}, {true, 2}, {false, 2}} {
			resolver.Outdate(func(string) bool { return test.concerned })
			_, err := resolver.Resolve(t.Context(), syncline.Source{TargetRevision: "main"}, with("right"), time.Hour)
			if err != nil || world.count() != test.asked {
				t.Errorf("%d: %v, asked %d times, want %d", i, err, world.count(), test.asked)
			}
		}
	})
}

// TestRefsThatAreTooManyToKeep are listed again for what was not asked for before,
// and for nothing else.
func TestRefsThatAreTooManyToKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := &guarded{many: 6000}
		resolver := source.NewResolver(gitOf(world, nil), source.Options{})
		for i, test := range []struct {
			revision, want string
			asked          int
		}{{"main", "1", 1}, {"t5999", "2", 2}, {"main", "1", 2}, {"t5999", "2", 2}} {
			found, err := resolver.Resolve(t.Context(), syncline.Source{TargetRevision: test.revision}, with("right"), time.Minute)
			synctest.Wait() // until what was asked for was looked for
			if err != nil || found.ID != commit(test.want) || world.count() != test.asked {
				t.Errorf("%d: got %v, %v, asked %d times", i, found, err, world.count())
			}
		}
	})
}

// TestPollingLooksAtWhatIsDue counts what polling 10,000 repositories asks for.
func TestPollingLooksAtWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const repositories = 10_000
		world := &guarded{}
		var mu sync.Mutex
		uses := 0
		resolver := source.NewResolver(gitOf(world, nil), source.Options{Uses: func(upstream.Repository) bool {
			mu.Lock()
			defer mu.Unlock()
			uses++
			return true
		}})
		for i := range repositories {
			repo := with("right")
			repo.Address = upstream.AddressOf(fmt.Sprintf("https://example.com/%d", i))
			if _, err := resolver.Resolve(t.Context(), syncline.Source{}, repo, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
		defer cancel()
		began := world.count()
		_ = resolver.Poll(ctx)
		resolver.Close()
		polled := world.count() - began
		if polled < 2*repositories || polled > 4*repositories {
			t.Errorf("in three intervals, %d were asked", polled)
		}
		mu.Lock()
		defer mu.Unlock()
		if uses > polled+repositories {
			t.Errorf("%d were looked at for %d that were due", uses, polled)
		}
	})
}

// late are credentials that know a Secret only when they look again.
type late struct {
	mu        sync.Mutex
	refreshed int
}

func (l *late) Repository(_ string, address upstream.Address) (upstream.Repository, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refreshed == 0 {
		return upstream.Repository{Address: address}, nil
	}
	return upstream.Repository{Address: address, Username: "u", Password: "right", Declared: true}, nil
}

func (l *late) Refresh(context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refreshed++
}

// TestASecretOfWhichTheWatchHasNotTold is known to the first turn.
func TestASecretOfWhichTheWatchHasNotTold(t *testing.T) {
	known := &late{}
	stage := source.New(source.NewResolver(gitOf(&guarded{}, nil), source.Options{}), known, nil)
	for range 3 {
		got, err := stage.Resolve(t.Context(), syncline.App{}, syncline.Source{RepoURL: urlA, TargetRevision: "main"}, time.Minute)
		if err != nil || got != commit("1") {
			t.Errorf("got %s, %v", got, err)
		}
	}
	if known.refreshed != 1 {
		t.Errorf("it was looked for %d times", known.refreshed)
	}
}
