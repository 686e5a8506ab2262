package source

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// shelf is a server with many tags, and the sources that are declared now.
type shelf struct {
	mu       sync.Mutex
	main     string
	tags     int
	declared []syncline.Source
	found    error
	finds    int
	told     int
}

func (s *shelf) Refs(context.Context, upstream.Repository) (upstream.Refs, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := map[string]string{"refs/heads/main": s.main}
	for i := range s.tags {
		names[fmt.Sprintf("refs/tags/v1.%d.0", i)] = "2"
	}
	return refsOf("refs/heads/main", names), nil
}

func (s *shelf) Find(context.Context, upstream.Repository, string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finds++
	return "", s.found
}

func (s *shelf) changed(string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told++
}

func (s *shelf) sources(string) []syncline.Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.declared
}

func (s *shelf) declare(revisions ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.declared = nil
	for _, revision := range revisions {
		s.declared = append(s.declared, syncline.Source{TargetRevision: revision})
	}
}

var shelved = upstream.Repository{Address: upstream.AddressOf("https://example.com/a")}

var shelvedAs = way{kind: syncline.SourceGit, access: shelved.Access()}

// gitOf are the Fetchers of Git alone.
func gitOf(server GitServer) Fetchers { return Fetchers{syncline.SourceGit: NewGit(server, nil)} }

// onShelf runs a test of a Resolver of a shelf.
func onShelf(t *testing.T, test func(t *testing.T, s *shelf, r *Resolver, want func(revision string, maxAge time.Duration) (Revision, error))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{main: "1"}
		r := NewResolver(gitOf(s), Options{Declared: s.sources, Changed: s.changed})
		test(t, s, r, func(revision string, maxAge time.Duration) (Revision, error) {
			time.Sleep(time.Nanosecond) //nolint:forbidigo // of the bubble's clock
			return r.Resolve(t.Context(), syncline.Source{TargetRevision: revision}, shelved, maxAge)
		})
		r.Close()
	})
}

// TestWhatIsNotDeclaredAnyMoreIsForgotten has an App that changes its target
// revision again and again. Whoever lists the refs then looks for those only that
// are declared, and reads the tags as versions once.
func TestWhatIsNotDeclaredAnyMoreIsForgotten(t *testing.T) {
	for _, many := range []int{1000, maxKept + 1000} {
		onShelf(t, func(t *testing.T, s *shelf, r *Resolver, resolve func(string, time.Duration) (Revision, error)) {
			s.tags = many
			for i := range 50 {
				constraint := fmt.Sprintf("<9,!=3.0.%d", i)
				s.declare("main", constraint)
				if found, err := resolve(constraint, time.Hour); err != nil || found.ID != commitOf("2") {
					t.Fatalf("%s is %v, %v", constraint, found, err)
				}
				synctest.Wait()
			}
			s.declare("main", "1.x", "<5", "<6")
			for _, revision := range []string{"main", "1.x", "<5", "<6"} {
				if _, err := resolve(revision, 0); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			r.mu.Lock()
			known := r.repository(shelvedAs, shelved)
			asked := len(known.asked)
			r.mu.Unlock()
			names, _ := s.Refs(t.Context(), shelved)
			shown := newListed(newRefs(names, ""), time.Now())
			r.mu.Lock()
			known.number++
			shown.number = known.number
			r.mu.Unlock()
			r.follow(known, shown, telling{})
			if asked != 4 || shown.looked != 4 || shown.Listing.(*refs).parsed != many {
				t.Errorf("%d targets are remembered, %d were looked for, %d versions read of %d tags", asked, shown.looked, shown.Listing.(*refs).parsed, many)
			}
		})
	}
}

// TestAListingEndsBeforeTargetsAreLookedFor: who waits for a branch does not wait
// for the constraints of others, nor does who is told of it.
func TestAListingEndsBeforeTargetsAreLookedFor(t *testing.T) {
	onShelf(t, func(t *testing.T, s *shelf, r *Resolver, resolve func(string, time.Duration) (Revision, error)) {
		s.tags = maxKept + 1
		s.declare("main", "<9")
		for range 2 {
			for _, revision := range []string{"main", "<9"} {
				if _, err := resolve(revision, time.Hour); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
		}
		known := r.repository(shelvedAs, shelved)
		names, _ := s.Refs(t.Context(), shelved)
		names.Commits["refs/heads/main"] = commitOf("3")
		shown := newListed(newRefs(names, ""), time.Now())
		known.number++
		shown.number = known.number
		// Somebody looks for the constraint, and takes long.
		stuck := &looking{done: make(chan struct{})}
		shown.going[Target{Revision: "<9"}] = stuck
		followed := make(chan struct{})
		go func() {
			defer close(followed)
			r.follow(known, shown, telling{moves: true})
		}()
		synctest.Wait()
		if s.told != 1 || known.asked[Target{Revision: "main"}].ID != commitOf("3") {
			t.Errorf("told %d times of the branch, which is %v", s.told, known.asked[Target{Revision: "main"}])
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := shown.look(ctx, Target{Revision: "<9"}, func(outcome) {}); err == nil || ctx.Err() == nil {
			t.Errorf("who gives up gets %v", err)
		}
		stuck.found = outcome{Revision: Revision{ID: commitOf("2")}}
		shown.mu.Lock()
		delete(shown.going, Target{Revision: "<9"})
		shown.mu.Unlock()
		close(stuck.done)
		<-followed
	})
}

// TestManyLookOnce has many that want the same of one listing, of whom one gives up.
func TestManyLookOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{main: "1", tags: maxKept + 1}
		names, _ := s.Refs(t.Context(), shelved)
		shown := newListed(newRefs(names, ""), time.Now())
		known := map[Target]outcome{}
		want := Target{Revision: "<9"}
		gone, giveUp := context.WithCancel(t.Context())
		giveUp()
		if _, err := shown.look(gone, want, func(outcome) { t.Error("it is kept") }); err == nil {
			t.Error("who gave up gets an answer")
		}
		var group sync.WaitGroup
		for range 500 {
			group.Go(func() {
				shown.mu.Lock()
				_, is := known[want]
				shown.mu.Unlock()
				if is {
					return
				}
				found, err := shown.look(t.Context(), want, func(found outcome) {
					shown.mu.Lock()
					defer shown.mu.Unlock()
					known[want] = found
				})
				if err != nil || found.ID != commitOf("2") {
					t.Errorf("it is %v, %v", found, err)
				}
			})
		}
		group.Wait()
		if shown.looked > 5 { // besides who gave up, and who asked when it was just found
			t.Errorf("it was looked for %d times", shown.looked)
		}
	})
}

// TestTargetsThatAreTooLong are refused before anything is asked.
func TestTargetsThatAreTooLong(t *testing.T) {
	r := NewResolver(gitOf(nil), Options{})
	long := strings.Repeat("1", longestTarget+1)
	for field, source := range map[string]syncline.Source{
		"targetRevision": {TargetRevision: long}, "tagPrefix": {TargetRevision: "1.x", TagPrefix: long},
	} {
		_, err := r.Resolve(t.Context(), source, shelved, time.Hour)
		if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), field+" has 513 bytes") {
			t.Errorf("%s: the error is %v", field, err)
		}
		if _, ok := r.Remembered(source, shelved); ok || len(r.known) > 0 {
			t.Errorf("%s: something is remembered", field)
		}
	}
}

// TestWhatIsNotFoundIsSearchedForOnce, until the refs are others.
func TestWhatIsNotFoundIsSearchedForOnce(t *testing.T) {
	for _, test := range []struct {
		err   error
		kind  syncline.Kind
		finds int
	}{
		{syncline.Errorf(syncline.NotFound, "no"), syncline.NotFound, 1},
		{syncline.Errorf(syncline.Invalid, "too large"), syncline.Invalid, 1},
		{syncline.Errorf(syncline.Denied, "no"), syncline.Denied, 5},
		{syncline.Errorf(syncline.Transient, "later"), syncline.Transient, 5},
	} {
		onShelf(t, func(t *testing.T, s *shelf, _ *Resolver, resolve func(string, time.Duration) (Revision, error)) {
			s.found = test.err
			s.declare("abcdef0123")
			for range 5 {
				if _, err := resolve("abcdef0123", 0); syncline.KindOf(err) != test.kind {
					t.Fatalf("the error is %v", err)
				}
				synctest.Wait()
			}
			if s.finds != test.finds {
				t.Errorf("%s: it was searched for %d times", test.kind, s.finds)
			}
			s.main = "3"
			_, _ = resolve("abcdef0123", 0)
			if s.finds != test.finds+1 {
				t.Errorf("%s: it was searched for %d times when the refs were others", test.kind, s.finds)
			}
			time.Sleep(2 * missedFor) //nolint:forbidigo // of the bubble's clock
			_, _ = resolve("abcdef0123", 0)
			if s.finds != test.finds+2 {
				t.Errorf("%s: it was searched for %d times when that was long ago", test.kind, s.finds)
			}
		})
	}
}
