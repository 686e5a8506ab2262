package source_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// remote stands for all servers of the world: each repository, by its key, has
// refs, takes time to list them, and may fail or hang.
type remote struct {
	mu     sync.Mutex
	repos  map[string]*served
	finds  int
	listed map[string]int
}

type served struct {
	main string // the commit of the branch main
	err  error
	wait time.Duration
}

func newRemote(repos map[string]*served) *remote {
	return &remote{repos: repos, listed: map[string]int{}}
}

func (r *remote) Refs(_ context.Context, repo upstream.Repository) (upstream.Refs, error) {
	r.mu.Lock()
	r.listed[repo.Address.Key()]++
	s := *r.repos[repo.Address.Key()]
	r.mu.Unlock()
	time.Sleep(s.wait) //nolint:forbidigo // of the bubble's clock: how long the server takes
	if s.err != nil {
		return upstream.Refs{}, s.err
	}
	return upstream.Refs{Head: "refs/heads/main", Commits: map[string]string{
		"HEAD": s.main, "refs/heads/main": s.main, "refs/heads/noise": commit(fmt.Sprint(8 + time.Now().UnixNano()%2)),
	}}, nil
}

func (r *remote) Find(_ context.Context, repo upstream.Repository, digits string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finds++
	if strings.HasPrefix(commit("f"), digits) {
		return commit("f"), nil
	}
	return "", syncline.Errorf(syncline.NotFound, "%s has no commit %s", repo.Address.URL(), digits)
}

func (r *remote) set(url string, change func(*served)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r.repos[url])
}

func (r *remote) count(url string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.listed[url]
}

func commit(digit string) string { return strings.Repeat(digit, 40) }

const (
	urlA = "https://example.com/a"
	urlB = "https://example.com/b"
)

var down = syncline.Errorf(syncline.Transient, "repository https://example.com/a cannot be read: connection refused")

// resolve resolves the branch main, or another revision, and wants a commit or an error.
func resolve(t *testing.T, r *source.Resolver, url, revision string, maxAge time.Duration) (source.Revision, error) {
	t.Helper()
	return r.Resolve(t.Context(), syncline.Source{RepoURL: url, TargetRevision: revision}, upstream.Repository{Address: upstream.AddressOf(url)}, maxAge)
}

func wantCommit(t *testing.T, r *source.Resolver, url, revision string, maxAge time.Duration, want string) {
	t.Helper()
	if got, err := resolve(t, r, url, revision, maxAge); err != nil || got.ID != commit(want) {
		t.Errorf("%s of %s is %+v, %v, want %s", revision, url, got, err, want)
	}
}

func TestManyAppsAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1"), wait: time.Second}})
		resolver := source.NewResolver(gitOf(world, nil), source.Options{})
		var group sync.WaitGroup
		for i := range 1000 {
			group.Go(func() {
				revision := []string{"", "HEAD", "main", "refs/heads/main", "1111111"}[i%5]
				spelling := []string{"https://example.com/a", "https://EXAMPLE.com/a.git", "https://example.com/a/"}[i%3]
				got, err := resolver.Resolve(t.Context(), syncline.Source{TargetRevision: revision}, upstream.Repository{Address: upstream.AddressOf(spelling)}, 3*time.Minute)
				if err != nil || got.ID != commit("1") {
					t.Errorf("Resolve = %+v, %v", got, err)
				}
			})
		}
		group.Wait()
		if n := world.count(urlA); n != 1 {
			t.Errorf("1000 apps asked %d times", n)
		}
	})
}

func TestFullCommitAsksNobody(t *testing.T) {
	world := newRemote(nil)
	resolver := source.NewResolver(gitOf(world, nil), source.Options{})
	got, err := resolve(t, resolver, urlA, strings.Repeat("aB", 20), 0)
	if err != nil || got != (source.Revision{ID: strings.Repeat("ab", 20)}) {
		t.Errorf("Resolve = %+v, %v", got, err)
	}
}

func TestMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1")}})
		resolver := source.NewResolver(gitOf(world, nil), source.Options{})
		wantCommit(t, resolver, urlA, "main", time.Minute, "1")
		world.set(urlA, func(s *served) { s.main = commit("2") })
		time.Sleep(time.Minute) //nolint:forbidigo // of the bubble's clock
		wantCommit(t, resolver, urlA, "main", time.Minute, "1")
		time.Sleep(time.Nanosecond) //nolint:forbidigo // of the bubble's clock
		wantCommit(t, resolver, urlA, "main", time.Minute, "2")
		world.set(urlA, func(s *served) { s.main = commit("3") })
		time.Sleep(time.Nanosecond) //nolint:forbidigo // of the bubble's clock
		wantCommit(t, resolver, urlA, "main", 0, "3")
		if n := world.count(urlA); n != 3 {
			t.Errorf("the server was asked %d times, want 3", n)
		}
	})
}

// TestRefreshDoesNotJoinAnOlderRequest pushes while a listing goes on.
func TestRefreshDoesNotJoinAnOlderRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1"), wait: time.Second}})
		resolver := source.NewResolver(gitOf(world, nil), source.Options{})
		var group sync.WaitGroup
		group.Go(func() { wantCommit(t, resolver, urlA, "main", time.Minute, "1") })
		time.Sleep(time.Second / 2) //nolint:forbidigo // of the bubble's clock
		world.set(urlA, func(s *served) { s.main = commit("2") })
		for range 10 {
			group.Go(func() { wantCommit(t, resolver, urlA, "main", 0, "2") })
		}
		group.Wait()
		if n := world.count(urlA); n != 2 {
			t.Errorf("the server was asked %d times, want 2", n)
		}
	})
}

func TestAbbreviationIsFoundOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1")}})
		resolver := source.NewResolver(gitOf(world, nil), source.Options{})
		for range 3 {
			wantCommit(t, resolver, urlA, "FFFFFFF", 0, "f")
			time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's clock
		}
		if world.finds != 1 {
			t.Errorf("it was asked for %d times", world.finds)
		}
		_, err := resolve(t, resolver, urlA, "eeeeeee", time.Minute)
		if syncline.KindOf(err) != syncline.NotFound || !strings.Contains(err.Error(), `revision "eeeeeee" is not a branch, tag or commit of `+urlA) {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestFailureIsSharedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {err: down}})
		resolver := source.NewResolver(gitOf(world, nil), source.Options{})
		for range 100 {
			if _, err := resolve(t, resolver, urlA, "main", 3*time.Minute); !errors.Is(err, down) {
				t.Fatalf("the error is %v", err)
			}
		}
		if n := world.count(urlA); n != 1 {
			t.Errorf("100 apps asked %d times", n)
		}
		world.set(urlA, func(s *served) { s.err, s.main = nil, commit("1") })
		time.Sleep(time.Nanosecond) //nolint:forbidigo // of the bubble's clock
		wantCommit(t, resolver, urlA, "main", 0, "1")
	})
}

// TestFailureIsNotTakenBack asks anew during an outage, and then takes what is remembered.
func TestFailureIsNotTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1")}})
		resolver := source.NewResolver(gitOf(world, nil), source.Options{})
		wantCommit(t, resolver, urlA, "main", time.Hour, "1")
		world.set(urlA, func(s *served) { s.err = down })
		for _, maxAge := range []time.Duration{0, time.Hour} {
			time.Sleep(time.Nanosecond) //nolint:forbidigo // of the bubble's clock
			if _, err := resolve(t, resolver, urlA, "main", maxAge); !errors.Is(err, down) {
				t.Errorf("with what is %s old, the error is %v", maxAge, err)
			}
		}
		world.set(urlA, func(s *served) { s.err = nil })
		time.Sleep(10 * time.Second) //nolint:forbidigo // of the bubble's clock
		wantCommit(t, resolver, urlA, "main", time.Hour, "1")
	})
}

func TestRememberedWhileUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1")}})
		resolver := source.NewResolver(gitOf(world, nil), source.Options{})
		repo, main := upstream.Repository{Address: upstream.AddressOf(urlA)}, syncline.Source{TargetRevision: "main"}
		if _, ok := resolver.Remembered(main, repo); ok {
			t.Error("something is remembered of nothing")
		}
		listed := time.Now()
		wantCommit(t, resolver, urlA, "main", 0, "1")
		world.set(urlA, func(s *served) { s.err = down })
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's clock
		if _, err := resolve(t, resolver, urlA, "main", time.Minute); !errors.Is(err, down) {
			t.Errorf("old refs are passed off as new: %v", err)
		}
		got, ok := resolver.Remembered(main, repo)
		if !ok || got.ID != commit("1") || got.By != "refs/heads/main" || !got.At.Equal(listed) {
			t.Errorf("Remembered = %+v, %t", got, ok)
		}
		repo.Password = "other"
		if _, ok := resolver.Remembered(main, repo); ok {
			t.Error("what one may see is shown to another")
		}
	})
}

// TestCredentialsDoNotShare has two ways to one repository, of which one fails.
func TestCredentialsDoNotShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1")}})
		resolver := source.NewResolver(gitOf(world, nil), source.Options{})
		wantCommit(t, resolver, urlA, "main", time.Hour, "1")
		world.set(urlA, func(s *served) { s.err = syncline.Errorf(syncline.Denied, "no") })
		stranger := upstream.Repository{Address: upstream.AddressOf(urlA), Username: "stranger"}
		if _, err := resolver.Resolve(t.Context(), syncline.Source{}, stranger, time.Hour); syncline.KindOf(err) != syncline.Denied {
			t.Errorf("a stranger gets %v", err)
		}
	})
}

func TestCallerDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1"), wait: time.Hour}})
		resolver := source.NewResolver(gitOf(world, nil), source.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := resolver.Resolve(ctx, syncline.Source{}, upstream.Repository{Address: upstream.AddressOf(urlA)}, 0)
		if !errors.Is(err, context.DeadlineExceeded) || syncline.KindOf(err) != syncline.Transient || !strings.Contains(err.Error(), urlA) {
			t.Errorf("the error is %v", err)
		}
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's clock
		wantCommit(t, resolver, urlA, "", 2*time.Hour, "1")
		if n := world.count(urlA); n != 1 {
			t.Errorf("the server was asked %d times: the first answer was lost", n)
		}
	})
}

// polling runs Poll and returns what Changed was told.
func polling(t *testing.T, world *remote, options source.Options) (*source.Resolver, chan string) {
	t.Helper()
	told := make(chan string, 1000)
	options.Changed = func(key string) { told <- key }
	resolver := source.NewResolver(gitOf(world, nil), options)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- resolver.Poll(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Poll = %v", err)
		}
	})
	return resolver, told
}

// toldWithin wants Changed to be told within a time.
func toldWithin(t *testing.T, told chan string, limit time.Duration, key string) {
	t.Helper()
	select {
	case got := <-told:
		if got != key {
			t.Errorf("told of %s, want %s", got, key)
		}
	case <-time.After(limit):
		t.Errorf("not told of %s within %s", key, limit)
	}
}

func notTold(t *testing.T, told chan string, limit time.Duration) {
	t.Helper()
	select {
	case got := <-told:
		t.Errorf("told of %s, where nothing changed", got)
	case <-time.After(limit):
	}
}

func TestPollTellsWhatMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1")}, urlB: {main: commit("2")}})
		resolver, told := polling(t, world, source.Options{})
		wantCommit(t, resolver, urlA, "main", time.Minute, "1")
		wantCommit(t, resolver, urlB, "main", time.Minute, "2")
		notTold(t, told, time.Hour) // though the branch "noise" moves all the time
		if n := world.count(urlA); n < 18 || n > 23 {
			t.Errorf("in an hour, a repository was asked %d times", n)
		}
		world.set(urlA, func(s *served) { s.main = commit("3") })
		toldWithin(t, told, 200*time.Second, urlA)
		wantCommit(t, resolver, urlA, "main", 4*time.Minute, "3")
		notTold(t, told, time.Hour)
	})
}

func TestWhatWasPushedSinceTheLastListingIsFoundSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1")}})
		resolver, told := polling(t, world, source.Options{})
		wantCommit(t, resolver, urlA, "main", time.Second, "1")
		notTold(t, told, time.Second/2)
		world.set(urlA, func(s *served) { s.main = commit("2") })
		for range 100 { // new Apps, all at once
			wantCommit(t, resolver, urlA, "main", time.Second, "1")
		}
		toldWithin(t, told, 2*time.Second, urlA)
		wantCommit(t, resolver, urlA, "main", 3*time.Minute, "2")
		if n := world.count(urlA); n != 2 {
			t.Errorf("it was asked %d times", n)
		}
		notTold(t, told, 2*time.Minute)
		if n := world.count(urlA); n != 2 {
			t.Errorf("it was asked %d times, where nobody wants news", n)
		}
	})
}

// TestAMissingBranchThatAppears was asked for before it was there.
func TestAMissingBranchThatAppears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1")}})
		resolver, told := polling(t, world, source.Options{})
		if _, err := resolve(t, resolver, urlA, "2222222", time.Minute); syncline.KindOf(err) != syncline.NotFound {
			t.Errorf("the error is %v", err)
		}
		world.set(urlA, func(s *served) { s.main = commit("2") })
		toldWithin(t, told, 200*time.Second, urlA)
		wantCommit(t, resolver, urlA, "2222222", 4*time.Minute, "2")
	})
}

func TestPollTellsOfOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1")}})
		resolver, told := polling(t, world, source.Options{})
		wantCommit(t, resolver, urlA, "main", time.Minute, "1")
		world.set(urlA, func(s *served) { s.err = down })
		toldWithin(t, told, 200*time.Second, urlA)
		before := world.count(urlA)
		notTold(t, told, time.Hour)
		if n := world.count(urlA) - before; n < 20 || n > 30 {
			t.Errorf("in an hour, a repository that fails was asked %d times", n)
		}
		world.set(urlA, func(s *served) { s.err = nil })
		toldWithin(t, told, 200*time.Second, urlA)
	})
}

// TestARepositoryThatNeverWorked comes to work, for those who asked in vain.
func TestARepositoryThatNeverWorked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {err: down}})
		resolver, told := polling(t, world, source.Options{})
		if _, err := resolve(t, resolver, urlA, "main", time.Minute); !errors.Is(err, down) {
			t.Errorf("the error is %v", err)
		}
		notTold(t, told, time.Hour)
		world.set(urlA, func(s *served) { s.err, s.main = nil, commit("1") })
		toldWithin(t, told, 200*time.Second, urlA)
		wantCommit(t, resolver, urlA, "main", 4*time.Minute, "1")
	})
}

func TestAHangingRepositoryDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1")}, urlB: {main: commit("2")}})
		resolver, told := polling(t, world, source.Options{})
		wantCommit(t, resolver, urlA, "main", time.Minute, "1")
		wantCommit(t, resolver, urlB, "main", time.Minute, "2")
		world.set(urlA, func(s *served) { s.wait = 30 * time.Minute })
		time.Sleep(4 * time.Minute) //nolint:forbidigo // of the bubble's clock
		world.set(urlB, func(s *served) { s.main = commit("3") })
		toldWithin(t, told, 200*time.Second, urlB)
		world.set(urlA, func(s *served) { s.wait = 0 })
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's clock
	})
}

func TestWhatNobodyUsesIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1")}, urlB: {main: commit("2")}})
		resolver, _ := polling(t, world, source.Options{Uses: func(repo upstream.Repository) bool { return repo.Address.Key() != urlA }})
		wantCommit(t, resolver, urlA, "main", time.Minute, "1")
		wantCommit(t, resolver, urlB, "main", time.Minute, "2")
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's clock
		if a, b := world.count(urlA), world.count(urlB); a != 1 || b < 10 {
			t.Errorf("the repository that nobody uses was asked %d times, the other %d", a, b)
		}
	})
}

// TestARefreshTellsTheOthers finds by one App's refresh what concerns all.
func TestARefreshTellsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newRemote(map[string]*served{urlA: {main: commit("1")}})
		resolver, told := polling(t, world, source.Options{})
		wantCommit(t, resolver, urlA, "main", time.Minute, "1")
		time.Sleep(time.Second) //nolint:forbidigo // of the bubble's clock
		world.set(urlA, func(s *served) { s.main = commit("2") })
		wantCommit(t, resolver, urlA, "HEAD", 0, "2")
		toldWithin(t, told, time.Second, urlA)
	})
}
