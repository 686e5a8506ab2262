package confined_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
)

// A child, and one to which the kernel gives no filter.
const (
	childArgument      = "child"
	unfilteredArgument = "unfiltered-child"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == childArgument || os.Args[1] == unfilteredArgument) {
		if os.Args[1] == unfilteredArgument {
			refuseFilters()
		}
		if err := confined.Serve(context.Background(), os.Stdin, os.Stdout, handle); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// handle does the jobs of these tests.
func handle(ctx context.Context, job string, host confined.Host) (string, bool, error) {
	verb, argument, _ := strings.Cut(job, " ")
	switch verb {
	case "echo":
		return argument, false, nil
	case "read-all":
		var told []string
		for _, read := range syncline.ReadFiles(host.Files, strings.Fields(argument)) {
			told = append(told, fmt.Sprintf("%d %v", len(read.Data), read.Err))
		}
		return strings.Join(told, ", "), false, nil
	case "prefetch":
		return prefetch(host.Files, strings.Fields(argument)), false, nil
	case "taint":
		return argument, true, nil
	case "fail":
		return "", false, syncline.WithHint(syncline.Errorf(syncline.Denied, "no"), "ask")
	case "panic":
		panic("oops")
	case "exit":
		os.Exit(7)
	case "loop":
		for ctx.Err() == nil {
			runtime.Gosched()
		}
	case "allocate":
		var kept [][]byte
		for {
			kept = append(kept, make([]byte, 1<<20))
			for i := range kept[len(kept)-1] {
				kept[len(kept)-1][i] = 1
			}
		}
	case "litter":
		mebibytes, err := strconv.Atoi(argument)
		kept := make([]byte, mebibytes<<20)
		for pass := range 10 {
			for i := range kept {
				kept[i] = byte(pass)
			}
		}
		return string(kept[:0]), false, err
	case "allocate-at-once":
		kept := make([]byte, 8<<30)
		for i := range kept {
			kept[i] = 1
		}
		return string(kept[:1]), false, nil
	case "recurse":
		return fmt.Sprint(recurse(1)), false, nil
	case "read":
		text, err := host.Files.ReadFile(argument)
		return string(text), false, err
	case "reach":
		return reach(), false, nil
	case "attempts":
		return attempts(), false, nil
	case "environment":
		return strings.Join(os.Environ(), "\n"), false, nil
	}
	return "", false, fmt.Errorf("unknown job %q", job)
}

// prefetch announces what it looks at, and returns what it sees.
func prefetch(files syncline.Files, paths []string) string {
	syncline.Prefetch{Entries: paths, Files: paths, Folders: paths}.From(files)
	var told []string
	for _, path := range paths {
		entry, entryErr := files.Stat(path)
		text, err := files.ReadFile(path)
		_, listErr := files.ReadDir(path)
		told = append(told, fmt.Sprintf("%s %d %v %v %v", entry.Name, len(text), entryErr, err, listErr))
	}
	return strings.Join(told, ", ")
}

// recurse calls itself for longer than any stack lasts.
func recurse(n int) int {
	if n < 0 {
		return 0
	}
	return n + recurse(n+1)
}

// reach tries what a child may not do, and returns what works.
func reach() string {
	var works []string
	try := func(what string, err error) {
		if err == nil {
			works = append(works, what)
		}
	}
	_, err := os.ReadFile("/etc/hostname")
	try("open a file", err)
	try("write a file", os.WriteFile("/tmp/syncline-reach", nil, 0o600))
	try("make a folder", os.Mkdir("/tmp/syncline-reach-folder", 0o700))
	_, err = net.Dial("udp", "127.0.0.1:53")
	try("make a socket", err)
	_, err = http.Get("http://127.0.0.1:1")
	if err != nil && strings.Contains(err.Error(), "fetches nothing") {
		err = syncline.Errorf(syncline.Denied, "refused")
	}
	try("fetch", err)
	try("run a program", exec.Command("/bin/true").Run())
	return strings.Join(works, ", ")
}

func newPool(t *testing.T, options confined.Options) *confined.Pool {
	t.Helper()
	return newPoolOf(t, childArgument, options)
}

// newPoolOf returns a pool of children that are started with an argument.
func newPoolOf(t *testing.T, argument string, options confined.Options) *confined.Pool {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	options.Command = []string{program, argument}
	pool := confined.NewPool(options)
	t.Cleanup(pool.Close)
	return pool
}

// files is a tree of top-level files.
type files map[string]string

func (f files) Stat(path string) (syncline.Entry, error) {
	if _, ok := f[path]; !ok {
		return syncline.Entry{}, fs.ErrNotExist
	}
	return syncline.Entry{Name: path, Type: syncline.EntryFile}, nil
}

func (f files) ReadFile(path string) ([]byte, error) {
	if path == "broken" {
		return nil, syncline.Errorf(syncline.Transient, "the disk is on fire")
	}
	text, ok := f[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

func (f files) ReadDir(string) ([]syncline.Entry, error) { return nil, fs.ErrNotExist }

func do(t *testing.T, pool *confined.Pool, job string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	host := confined.Host{Files: syncline.Files{Tree: files{"hello": "world", "large": strings.Repeat("x", 2<<20)}}}
	return confined.Call[string, string](ctx, pool, job, host)
}

// TestManyFiles reads more than is answered at once, in number and in bytes.
func TestManyFiles(t *testing.T) {
	tree, names, want := files{}, []string{}, []string{}
	for i := range 2500 {
		size := i % 7
		if i%400 == 0 {
			size = 700 << 10
		}
		name := fmt.Sprintf("f%d", i)
		tree[name], names, want = strings.Repeat("x", size), append(names, name), append(want, fmt.Sprintf("%d <nil>", size))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	host := confined.Host{Files: syncline.Files{Tree: tree}}
	got, err := confined.Call[string, string](ctx, newPool(t, confined.Options{}), "read-all "+strings.Join(names, " "), host)
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.Join(want, ", ") {
		t.Errorf("read were %.500s", got)
	}
}

func TestResult(t *testing.T) {
	pool := newPool(t, confined.Options{Size: 1})
	for _, test := range []struct {
		job, want, wantErr string
		kind               syncline.Kind
	}{
		{job: "echo hello", want: "hello"},
		{job: "echo " + strings.Repeat("x", 1<<20), want: strings.Repeat("x", 1<<20)},
		{job: "read hello", want: "world"},
		{job: "read missing", wantErr: "file does not exist"},
		{job: "read ../secret", wantErr: "not about a file", kind: syncline.Transient},
		{job: "read broken", wantErr: "the disk is on fire", kind: syncline.Transient},
		{job: "read-all hello missing broken hello", want: "5 <nil>, 0 file does not exist, 0 the disk is on fire, 5 <nil>"},
		{job: "read-all hello ../secret", wantErr: "not about a file", kind: syncline.Transient},
		{job: "prefetch hello missing broken large hello", want: "hello 5 <nil> <nil> file does not exist, " +
			" 0 file does not exist file does not exist file does not exist, " +
			" 0 file does not exist the disk is on fire file does not exist, " +
			"large 2097152 <nil> <nil> file does not exist, hello 5 <nil> <nil> file does not exist"},
		{job: "prefetch ../secret", wantErr: "not about a file", kind: syncline.Transient},
		{job: "fail", wantErr: "no", kind: syncline.Denied},
		{job: "panic", wantErr: "the tool fails on this input: oops", kind: syncline.Invalid},
		{job: "exit", wantErr: "exit status 7", kind: syncline.Transient},
		{job: "environment", want: ""},
	} {
		got, err := do(t, pool, test.job)
		switch {
		case test.wantErr == "" && err != nil:
			t.Errorf("%.20s: %v", test.job, err)
		case got != test.want:
			t.Errorf("%.20s: got %.40q", test.job, got)
		case test.wantErr != "" && (err == nil || !strings.Contains(err.Error(), test.wantErr)):
			t.Errorf("%.20s: got error %v", test.job, err)
		case test.kind != "" && syncline.KindOf(err) != test.kind:
			t.Errorf("%.20s: kind %s", test.job, syncline.KindOf(err))
		}
	}
}

func TestMissingFileStaysMissing(t *testing.T) {
	_, err := do(t, newPool(t, confined.Options{}), "read missing")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestLimits(t *testing.T) {
	for _, test := range []struct {
		job, wantErr string
		kind         syncline.Kind
		memory       int64
	}{
		{"loop", "longer than 2s", syncline.Transient, 64 << 20},
		{"allocate", "more than 64 MiB", syncline.Invalid, 64 << 20},
		{"allocate-at-once", "more than 64 MiB", syncline.Invalid, 64 << 20},
		{"recurse", "calls nest without an end", syncline.Invalid, 512 << 20},
	} {
		t.Run(test.job, func(t *testing.T) {
			pool := newPool(t, confined.Options{Size: 1, Memory: test.memory, Timeout: 2 * time.Second})
			_, err := do(t, pool, test.job)
			var limit *confined.LimitError
			if !errors.As(err, &limit) || !strings.Contains(err.Error(), test.wantErr) || syncline.KindOf(err) != test.kind {
				t.Fatalf("got %v, %s", err, syncline.KindOf(err))
			}
			if syncline.HintOf(err) == "" {
				t.Error("the error has no hint")
			}
			if got, err := do(t, pool, "echo again"); got != "again" {
				t.Errorf("the next job: %q, %v", got, err)
			}
		})
	}
}

func TestReach(t *testing.T) {
	got, err := do(t, newPool(t, confined.Options{}), "reach")
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" && got != "" {
		t.Errorf("a child can %s", got)
	}
}

func TestProcessesAreReused(t *testing.T) {
	pool := newPool(t, confined.Options{Size: 1})
	for _, step := range []struct {
		job     string
		started int64
	}{{"echo 1", 1}, {"fail", 1}, {"echo 2", 1}, {"taint 3", 1}, {"echo 4", 2}, {"panic", 2}, {"echo 5", 3}, {"exit", 3}, {"echo 6", 4}} {
		_, _ = do(t, pool, step.job) // the result is another test's matter
		if got := pool.Stats().Started; got != step.started {
			t.Errorf("%s: %d processes, want %d", step.job, got, step.started)
		}
	}
}

func TestCancelledJob(t *testing.T) {
	pool := newPool(t, confined.Options{Size: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := confined.Call[string, string](ctx, pool, "loop", confined.Host{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if stats := pool.Stats(); stats.Discarded != 1 {
		t.Errorf("the process goes on: %+v", stats)
	}
}

func TestNoSuchProgram(t *testing.T) {
	pool := confined.NewPool(confined.Options{Command: []string{"/no/such/program"}})
	_, err := confined.Call[string, string](t.Context(), pool, "", confined.Host{})
	if syncline.KindOf(err) != syncline.Transient || !strings.Contains(err.Error(), "start a process") {
		t.Errorf("got %v", err)
	}
}

func TestIdleProcessEnds(t *testing.T) {
	pool := newPool(t, confined.Options{Size: 1, Idle: time.Millisecond})
	for range 2 {
		if _, err := do(t, pool, "echo"); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(30 * time.Second)
		for pool.Stats().Retired < pool.Stats().Started {
			if time.Now().After(deadline) {
				t.Fatal("an idle process is kept")
			}
			runtime.Gosched()
		}
	}
}

// However many endless jobs one owner has, another's is done at once.
func TestOneOwnerNeverHasThePool(t *testing.T) {
	pool := newPool(t, confined.Options{Size: 3})
	ctx, cancel := context.WithCancel(t.Context())
	var hostile sync.WaitGroup
	for range 12 {
		hostile.Go(func() { _, _ = confined.Call[string, string](ctx, pool, "loop", confined.Host{Owner: "hostile"}) })
	}
	defer hostile.Wait()
	defer cancel()
	for pool.Stats().Started < 2 {
		runtime.Gosched()
	}
	for range 3 {
		limited, stop := context.WithTimeout(t.Context(), 20*time.Second) // the endless ones have a minute
		got, err := confined.Call[string, string](limited, pool, "echo x", confined.Host{Owner: "victim"})
		stop()
		if err != nil || got != "x" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if started := pool.Stats().Started; started != 3 {
		t.Errorf("%d children were started, want two for one owner and one for the other", started)
	}
}

// Who gives up waiting leaves nothing behind.
func TestWhoGivesUpLeavesItsPlace(t *testing.T) {
	pool := newPool(t, confined.Options{Size: 1})
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() { _, _ = confined.Call[string, string](ctx, pool, "loop", confined.Host{}) })
	}
	cancel()
	group.Wait()
	if got, err := do(t, pool, "echo x"); got != "x" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// A job is not stopped for what another one took.
func TestGarbageIsTheJobsThatMadeIt(t *testing.T) {
	pool := newPool(t, confined.Options{Size: 1, Memory: 64 << 20})
	for range 3 {
		for _, job := range []string{"litter 50", "litter 40", "echo x"} {
			if _, err := do(t, pool, job); err != nil {
				t.Fatalf("%s: %v", job, err)
			}
		}
	}
}
