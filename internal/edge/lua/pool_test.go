package lua_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/confined/confinedtest"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/lua"
)

// workerArgument makes the test program a child of the pool.
const workerArgument = "lua-worker"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workerArgument {
		if err := lua.ServeProbed(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func newPool(t testing.TB, options confined.Options) lua.Pool {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	options.Command = []string{program, workerArgument}
	pool := lua.NewPool(options)
	t.Cleanup(pool.Close)
	return pool
}

func TestPoolIsConfined(t *testing.T) {
	given := map[string]any{"spec": map[string]any{"replicas": int64(3), "weight": 0.5, "list": []any{"a", true}}}
	rule := func(script string) syncline.HealthRule {
		return syncline.HealthRule{Script: script, OpenLibs: true}
	}
	told := func(health syncline.Health, err error) (string, error) { return fmt.Sprint(health), err }
	confinedtest.Run(t, confinedtest.Kind{
		Argument: workerArgument,
		Start: func(t testing.TB, options confined.Options) confinedtest.Do {
			pool := newPool(t, options)
			return func(ctx context.Context, owner, job string) (string, error) {
				asked := rule(job)
				asked.Origin = owner
				return told(pool.Run(ctx, asked, given))
			}
		},
		Here: func(ctx context.Context, _, job string) (string, error) {
			var machine lua.Machine
			return told(machine.Judge(ctx, rule(job), given))
		},
		Jobs: []string{
			`return {status = "Healthy", message = obj.spec.replicas .. " and " .. obj.spec.weight .. obj.spec.list[1]}`,
			`return nil`, `print("this is not for stdout") return {status = "Odd"}`,
		},
		Faulty: []string{`return {`, `error("no")`, `return 1`, `io.open("/etc/hostname")`, `os.execute("true")`, `require("socket")`},
		Leaving: []string{
			`left = "left"`, `_G.left = "left"`, `package.loaded.left = "left"`, `string.rep = nil`, `tostring = function() return "left" end`,
			`getmetatable("").__index = function() return "left" end`, `obj.spec.replicas = 4`, `while true do end`,
		},
		Looking: `return {status = "Healthy", message = tostring(left) .. tostring(package.loaded.left) .. ("x"):rep(3) .. obj.spec.replicas}`,
	})
}

func TestPool(t *testing.T) {
	pool := newPool(t, confined.Options{})
	object := map[string]any{"spec": map[string]any{"replicas": int64(3), "weight": 0.5}}
	for script, want := range map[string]syncline.Health{
		`return {status = "Healthy", message = obj.spec.replicas .. " and " .. obj.spec.weight}`: {Status: syncline.Healthy, Message: "3 and 0.5"},
		`print("this is not for stdout") return nil`:                                             {},
	} {
		if got, err := pool.Run(t.Context(), syncline.HealthRule{Script: script}, object); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", script, got, err, want)
		}
	}
	for script, why := range map[string]string{`return {`: "syntax error", `error("no")`: "no", `return 1`: "not number"} {
		_, err := pool.Run(t.Context(), syncline.HealthRule{Script: script}, object)
		if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: got %v, want an Invalid error with %q", script, err, why)
		}
	}
	if stats := pool.Stats(); stats.Started != 1 {
		t.Errorf("%d processes were started", stats.Started)
	}
}

// The processes may take so little memory that this, and not the time that a slow
// machine needs to give it to them, is what ends a text that doubles.
func TestATextThatDoubles(t *testing.T) {
	pool := newPool(t, confined.Options{Memory: 48 << 20})
	rule := syncline.HealthRule{Script: `local s = "x" while true do s = s .. s end`, OpenLibs: true}
	if _, err := pool.Run(t.Context(), rule, map[string]any{}); err == nil || !strings.Contains(err.Error(), "more than 48 MiB of memory") {
		t.Errorf("got %v", err)
	}
}

// bombs take time, memory or stack without a bound.
var bombs = map[string]struct{ script, expects string }{
	"endless loop":       {`while true do end`, "longer than"},
	"loop of failures":   {`while true do pcall(error, "x") end`, "longer than"},
	"endless coroutines": {`while true do coroutine.wrap(function() while true do coroutine.yield() end end)() end`, "longer than"},
	"long text":          {`return {status = "Healthy", message = string.rep("x", 1e10)}`, "stopped"},
	"a text at once":     {`return {status = ("x"):rep(600000000)}`, "stopped"},
	"growing table":      {`local t = {} while true do t[#t + 1] = {} end`, "stopped"},
	"growing text":       {`local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1000000) .. i end`, "stopped"},
	"recursion":          {`local function f() return 1 + f() end return f()`, "stack overflow"},
	"tail calls":         {`local function f() return f() end return f()`, "stopped"},
	"pattern":            {`return {status = ("a"):rep(100000):find((".-"):rep(30) .. "b")}`, "longer than"},
	"format":             {`return {status = string.format("%99999999999d", 1)}`, ""},
	"deep script":        {"return " + strings.Repeat("(", 500_000), ""},
	"nested script":      {strings.Repeat("do ", 100_000) + strings.Repeat("end ", 100_000), ""},
	"long message":       {`return {status = "Healthy", message = 1, more = string.rep("x", 5e7)}`, ""},
}

// TestBombs wants each bomb to end with a clear error, in the time that the pool
// gives it by the clock on a busy machine, while this process does not grow.
func TestBombs(t *testing.T) {
	pool := newPool(t, confined.Options{})
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			// The bomb before it ended the process: how long another takes to start is not measured.
			if _, err := pool.Run(t.Context(), syncline.HealthRule{Script: `return nil`}, map[string]any{}); err != nil {
				t.Fatal(err)
			}
			grown := testenv.WatchMemory()
			limited, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			found, err := pool.Run(limited, syncline.HealthRule{Script: bomb.script, OpenLibs: true}, map[string]any{})
			if limited.Err() != nil {
				t.Error("it has not ended after a minute")
			}
			if bomb.expects != "" && (err == nil || !strings.Contains(err.Error(), bomb.expects)) {
				t.Errorf("got %+v, %v, want %q", found, err, bomb.expects)
			}
			if err != nil && len(err.Error()) > 1100 || len(found.Message) > 1100 {
				t.Errorf("the message has %d bytes", len(found.Message)+len(err.Error()))
			}
			if grew := grown(); grew > 16<<20 {
				t.Errorf("this process grew by %d MiB", grew>>20)
			}
			if _, err := pool.Run(t.Context(), syncline.HealthRule{Script: `return {status = "Healthy"}`}, nil); err != nil {
				t.Errorf("the next rule: %v", err)
			}
		})
	}
}
