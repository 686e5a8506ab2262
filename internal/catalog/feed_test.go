package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/catalog"
)

// numbered returns the App of that number, as of a version of its resource.
func numbered(number, version int) syncline.App {
	app := named(fmt.Sprintf("app-%05d", number))
	app.UID = "one"
	app.Past.ResourceVersion = fmt.Sprint(version)
	return app
}

// fill declares that many Apps.
func fill(apps *catalog.Apps, number int) {
	for i := range number {
		apps.Declare(numbered(i, 1), nil)
	}
}

// picture is what a reader knows: the version of each App's resource.
type picture struct {
	versions map[syncline.AppID]string
	reader   *catalog.Reader
	restarts int
}

// start lists everything anew.
func (p *picture) start(apps *catalog.Apps) {
	entries, since := apps.List(catalog.Filter{})
	p.versions = map[syncline.AppID]string{}
	for _, entry := range entries {
		p.versions[entry.App.ID] = entry.App.Past.ResourceVersion
	}
	p.reader = apps.Watch(since)
}

// next takes in what is new, from the beginning when it is told to.
func (p *picture) next(ctx context.Context, apps *catalog.Apps) error {
	updates, err := p.reader.Next(ctx)
	if errors.Is(err, catalog.ErrBehind) {
		p.restarts++
		p.start(apps)
		return nil
	}
	for _, update := range updates {
		if delete(p.versions, update.ID); update.Entry != nil {
			p.versions[update.ID] = update.Entry.App.Past.ResourceVersion
		}
	}
	return err
}

// holds says how the picture differs from what there is, "" when it does not.
func (p *picture) holds(apps *catalog.Apps) string {
	entries, _ := apps.List(catalog.Filter{})
	if len(entries) != len(p.versions) {
		return fmt.Sprintf("%d Apps are known of %d", len(p.versions), len(entries))
	}
	for _, entry := range entries {
		if got := p.versions[entry.App.ID]; got != entry.App.Past.ResourceVersion {
			return fmt.Sprintf("%s is known in version %q, and is in %q", entry.App.ID, got, entry.App.Past.ResourceVersion)
		}
	}
	return ""
}

// TestManyReaders has 10,000 Apps and 200 readers. 50 Apps change in each of as many
// seconds as a test has time for, come and go, and in the end many at once. Each reader
// has the last state of each App then, or was told to start again and has it by that.
func TestManyReaders(t *testing.T) {
	const (
		number  = 10_000
		readers = 200
		seconds = 20
	)
	apps := catalog.NewApps()
	fill(apps, number)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var (
		group sync.WaitGroup
		end   atomic.Uint64
	)
	pictures := make([]picture, readers)
	for i := range pictures {
		pictures[i].start(apps)
	}
	for i := range pictures {
		group.Go(func() {
			p := &pictures[i]
			for end.Load() == 0 || p.reader.Since() < end.Load() {
				if err := p.next(ctx, apps); err != nil {
					t.Errorf("reader %d: %v", i, err)
					return
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 2))
	version := 1
	for range seconds {
		for range 50 {
			version++
			change(apps, random.IntN(number), version)
		}
	}
	end.Store(^uint64(0)) // nobody ends before the last change
	for i := range number {
		version++
		apps.Declare(numbered(i, version), nil)
	}
	_, last := apps.List(catalog.Filter{})
	end.Store(last)
	apps.Declare(numbered(0, version+1), nil) // wakes who waits for the end
	group.Wait()
	for i := range pictures {
		p := &pictures[i]
		for { // what came after the end
			if _, last := apps.List(catalog.Filter{}); p.reader.Since() == last {
				break
			}
			if err := p.next(ctx, apps); err != nil {
				t.Fatal(err)
			}
		}
		if wrong := p.holds(apps); wrong != "" {
			t.Errorf("reader %d, after %d restarts: %s", i, p.restarts, wrong)
		}
	}
}

// change has an App come, go or become another.
func change(apps *catalog.Apps, number, version int) {
	app := numbered(number, version)
	if version%7 == 0 {
		apps.Remove(app.ID)
		return
	}
	apps.Declare(app, nil)
}

// An App that went and came again is there, also when another one has its place by now.
func TestAnAppThatCameAgain(t *testing.T) {
	apps := catalog.NewApps()
	fill(apps, 2)
	_, since := apps.List(catalog.Filter{})
	reader := apps.Watch(since)
	apps.Remove(numbered(1, 0).ID)
	apps.Declare(numbered(2, 1), nil)
	apps.Declare(numbered(1, 2), nil)
	updates, err := reader.Next(t.Context())
	if err != nil || len(updates) != 2 {
		t.Fatalf("it is told %+v, %v", updates, err)
	}
	for i, want := range []syncline.AppID{numbered(2, 0).ID, numbered(1, 0).ID} {
		if updates[i].ID != want || updates[i].Entry == nil || updates[i].Entry.App.ID != want {
			t.Errorf("update %d is of %s, %+v; want %s as it is", i, updates[i].ID, updates[i].Entry, want)
		}
	}
}

// A reader that is not read costs nothing, and is told to start again; so is one of an
// earlier process, and of a later one.
func TestAReaderThatIsBehind(t *testing.T) {
	apps := catalog.NewApps()
	fill(apps, 3)
	_, since := apps.List(catalog.Filter{})
	early := catalog.NewApps()
	_, earlier := early.List(catalog.Filter{})
	slow, next := apps.Watch(since), apps.Watch(since)
	apps.Declare(numbered(1, 2), nil)
	apps.Remove(numbered(2, 0).ID)
	if updates, err := next.Next(t.Context()); err != nil || len(updates) != 2 || updates[0].Entry.App.Past.ResourceVersion != "2" || updates[1].Entry != nil {
		t.Errorf("it is told %+v, %v", updates, err)
	}
	for i := range 10_000 {
		apps.Declare(numbered(0, i), nil)
	}
	for what, reader := range map[string]*catalog.Reader{
		"slow": slow, "of another process": apps.Watch(earlier - uint64(time.Hour)), "ahead": apps.Watch(since + uint64(time.Hour)),
	} {
		if updates, err := reader.Next(t.Context()); !errors.Is(err, catalog.ErrBehind) {
			t.Errorf("the reader that is %s is told %d updates, %v", what, len(updates), err)
		}
	}
	_, since = apps.List(catalog.Filter{})
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	if _, err := apps.Watch(since).Next(ctx); !errors.Is(err, reason) {
		t.Errorf("it waits for nothing and ends with %v", err)
	}
}

// A change costs what it costs, however many read: it takes no more memory with 200
// readers that wait than with none.
func TestAChangeCostsTheSameHoweverManyRead(t *testing.T) {
	allocations := func(readers int) float64 {
		apps := catalog.NewApps()
		fill(apps, 100)
		_, since := apps.List(catalog.Filter{})
		for range readers {
			apps.Watch(since)
		}
		version := 1
		return testing.AllocsPerRun(1000, func() {
			version++
			apps.Declare(numbered(version%100, version), nil)
		})
	}
	if none, many := allocations(0), allocations(200); many > none {
		t.Errorf("a change takes %.0f allocations with 200 readers, and %.0f with none", many, none)
	}
}

// BenchmarkDeclare has readers that wait and are woken by each change.
func BenchmarkDeclare(b *testing.B) {
	for _, readers := range []int{0, 200} {
		b.Run(fmt.Sprint(readers), func(b *testing.B) {
			apps := catalog.NewApps()
			fill(apps, 10_000)
			ctx, cancel := context.WithCancel(b.Context())
			var group sync.WaitGroup
			for range readers {
				p := &picture{}
				p.start(apps)
				group.Go(func() {
					for p.next(ctx, apps) == nil {
					}
				})
			}
			pace := time.NewTicker(time.Millisecond)
			defer pace.Stop()
			var held time.Duration
			version := 1
			for b.Loop() {
				version++
				app := numbered(version%10_000, version)
				began := time.Now()
				apps.Declare(app, nil)
				held += time.Since(began)
				<-pace.C // as changes come
			}
			cancel()
			group.Wait()
			b.ReportMetric(float64(held.Nanoseconds())/float64(b.N), "ns/change")
		})
	}
}

func TestFilter(t *testing.T) {
	apps := catalog.NewApps()
	fill(apps, 3)
	app := of("web", "red", "https://git.example/web")
	app.Destination = syncline.Destination{Name: "in-cluster", Namespace: "shop"}
	app.Past.Sync, app.Past.Health.Status = syncline.OutOfSync, syncline.Degraded
	apps.Declare(app, nil)
	address := upstream.AddressOf("https://git.example/web.git")
	for name, filter := range map[string]struct{ is, isNot catalog.Filter }{
		"project":    {catalog.Filter{Project: "red"}, catalog.Filter{Project: "blue"}},
		"cluster":    {catalog.Filter{Target: syncline.Target{Name: "in-cluster"}}, catalog.Filter{Target: syncline.Target{Name: "other"}}},
		"namespace":  {catalog.Filter{Namespace: "shop"}, catalog.Filter{Namespace: "other"}},
		"sync":       {catalog.Filter{Sync: syncline.OutOfSync}, catalog.Filter{Sync: syncline.Synced}},
		"health":     {catalog.Filter{Health: syncline.Degraded}, catalog.Filter{Health: syncline.Healthy}},
		"repository": {catalog.Filter{Repository: address.Key()}, catalog.Filter{Repository: "https://git.example/other"}},
	} {
		if found, _ := apps.List(filter.is); len(found) != 1 || found[0].App.ID != app.ID {
			t.Errorf("%s: %d Apps are found", name, len(found))
		}
		if found, _ := apps.List(filter.isNot); len(found) != 0 {
			t.Errorf("another %s: %d Apps are found", name, len(found))
		}
	}
	found, _ := apps.List(catalog.Filter{})
	if len(found) != 4 || found[0].App.ID.Name != "app-00000" || found[3].App.ID.Name != "web" {
		t.Errorf("%d Apps are listed, or not in the order of their names", len(found))
	}
}
