// Package program runs the git program: by argument vector, in an environment made
// from nothing, with credentials in that environment alone, against the addresses that
// were checked, within limits of time, memory and space; and tells what a failure comes
// from, without a secret. It does not know what git is run for.
package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/processor"
)

// Options configure a Git; those of package git say more. None has a default.
type Options struct {
	// Path is the git program, and Home an empty folder, where nothing can be found that
	// changes what it does.
	Path, Home string
	// Dir holds the repositories, and the certificates that are trusted.
	Dir string
	// AllowLocal permits repositories that are folders of this machine.
	AllowLocal bool
	// StallTimeout ends a transfer of less than 1 kB/s, in whole seconds.
	StallTimeout time.Duration
	// MaxFile is the size of the largest file that is held in memory, MaxPack that of the
	// largest that is written.
	MaxFile, MaxPack int64
	// MaxMemory is how much memory one process may take, MaxMemoryOfAll how much all may
	// that talk to servers.
	MaxMemory, MaxMemoryOfAll int64
	// AllowAddresses are addresses that may be asked though services are usually there.
	AllowAddresses []netip.Prefix
	// Resolver looks up the names of servers.
	Resolver Resolver
	// HideReasons lets all reasons why a repository cannot be read that no Secret names
	// read alike.
	HideReasons bool
}

// Git is the git program. It is safe for concurrent use.
type Git struct {
	options Options
	// life is how long anything runs.
	life    context.Context
	weigher weigher
}

// New returns the program, of which every process ends with life.
func New(life context.Context, options Options) *Git {
	return &Git{
		options: options, life: life,
		weigher: weigher{most: options.MaxMemoryOfAll, weigh: ownMemory, runs: map[int]*weighed{}},
	}
}

// CheckVersion returns an Invalid error when git is too old.
func (g *Git) CheckVersion(timeout time.Duration) error {
	out, fail := g.Run(g.life, Command{Args: []string{"version"}, Timeout: timeout})
	if fail != nil {
		return fail.About()
	}
	var major, minor int
	if fields := strings.Fields(string(out)); len(fields) >= 3 {
		numbers := strings.SplitN(fields[2], ".", 3)
		major, _ = strconv.Atoi(numbers[0])
		if len(numbers) > 1 {
			minor, _ = strconv.Atoi(numbers[1])
		}
	}
	if major < 2 || major == 2 && minor < 37 {
		return syncline.Errorf(syncline.Invalid, "%s is %q: git 2.37 or newer is needed", g.options.Path, strings.TrimSpace(string(out)))
	}
	return nil
}

// Command is one run of git.
type Command struct {
	// Args come from the program; what comes from outside stands behind
	// "--end-of-options" or "--".
	Args []string
	// Dir is the bare repository; "" is none.
	Dir string
	// Remote is whom the command talks to; nil when it talks to nobody.
	Remote *Remote
	// Timeout ends it. One that answers until it is ended has none.
	Timeout time.Duration
	// MaxOutput is how many bytes of output are taken. 0 is 1 MiB.
	MaxOutput int64
	// Trace has git tell what a server answers; see [RunError.Location].
	Trace bool
	// Config is for this run.
	Config []Setting
	// Each is given the output line by line, of which nothing is kept then. An error
	// ends the run.
	Each func(line []byte) error

	env []string
}

// Setting is one entry of git's configuration.
type Setting struct{ Key, Value string }

// Run runs git and returns its output. It ends with ctx, with life, and when the
// timeout runs out, with all that git started.
func (g *Git) Run(ctx context.Context, c Command) ([]byte, *RunError) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	defer context.AfterFunc(g.life, cancel)()
	fail := &RunError{step: c.Args[0], remote: c.Remote}
	if c.Remote != nil {
		way, err := g.reach(ctx, c.Remote)
		if err != nil {
			fail.err = err
			return nil, fail
		}
		defer way.end()
		c.Config, c.env = append(slices.Clone(c.Config), way.settings...), way.env
	}
	process := g.prepare(ctx, c)
	if c.Remote != nil {
		handed, err := handOver(process, c.Remote.handed)
		if err != nil {
			fail.err = err
			return nil, fail
		}
		defer handed()
	}
	output := &limitedBuffer{left: cmp.Or(c.MaxOutput, 1<<20), full: cancel, each: c.Each}
	messages := &tailBuffer{limit: 64 << 10}
	process.Stdout, process.Stderr = output, messages
	err := g.finish(process, c.Remote, cancel)
	if err == nil && !output.overflow {
		return output.kept.Bytes(), nil
	}
	fail.err, fail.messages, fail.tooLong = err, messages.String(), output.overflow
	switch {
	case output.overflow, errors.Is(err, errHeavy):
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		fail.timeout = c.Timeout
	case ctx.Err() != nil:
		fail.err = ctx.Err()
	}
	return nil, fail
}

// patience is how long git may run before it gives way to others: to list some
// refs, or to fetch a commit, takes less, and the time of long lists and large packs
// is to be that of who has them.
const patience = 300 * time.Millisecond

// finish starts the process, bounds what it may take, and waits for its end.
func (g *Git) finish(process *exec.Cmd, remote *Remote, cancel func()) error {
	if err := process.Start(); err != nil {
		return err
	}
	heavy := func() bool { return false }
	if remote != nil {
		heavy = g.weigher.add(process.Process.Pid, remote.Host, cancel)
	}
	defer time.AfterFunc(patience, func() { processor.GiveWay(process.Process.Pid) }).Stop()
	err := limit(process.Process.Pid, g.options.MaxMemory, g.options.MaxPack)
	if err != nil {
		cancel()
	}
	if ended := process.Wait(); err == nil {
		err = ended
	}
	if heavy() {
		return errHeavy
	}
	return err
}

// prepare builds the process. Of our own environment it gets PATH and the proxies.
func (g *Git) prepare(ctx context.Context, c Command) *exec.Cmd {
	var args []string
	if c.Dir != "" {
		args = append(args, "--git-dir="+c.Dir)
	}
	process := exec.CommandContext(ctx, g.options.Path, append(args, c.Args...)...) //nolint:gosec // see Command.Args
	process.Dir = g.options.Home
	process.Env = g.environment(c)
	process.WaitDelay = 5 * time.Second
	inOwnGroup(process)
	return process
}

func (g *Git) environment(c Command) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + g.options.Home,
		"LC_ALL=C", // messages are matched
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_SYSTEM=" + os.DevNull,
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_CEILING_DIRECTORIES=" + g.options.Dir,
		"GIT_TERMINAL_PROMPT=0",
		"GIT_ASKPASS=",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_NO_LAZY_FETCH=1",
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_PROTOCOL_FROM_USER=0",
		"GIT_ALLOW_PROTOCOL=" + g.protocols(),
	}
	if c.Trace {
		env = append(env, "GIT_TRACE_CURL=1", "GIT_TRACE_CURL_NO_DATA=1", "GIT_TRACE_REDACT=1")
	}
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	settings := append(g.settings(), c.Config...)
	if c.Remote != nil {
		settings = append(settings, c.Remote.config...)
		env = append(append(env, c.Remote.env...), c.env...)
	}
	env = append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(len(settings)))
	for i, setting := range settings {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, setting.Key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, setting.Value))
	}
	return env
}

func (g *Git) protocols() string {
	if g.options.AllowLocal {
		return "https:http:ssh:file"
	}
	return "https:http:ssh"
}

// settings close what a repository or its server could steer, and keep a
// mirror as it is: one pack for each fetch, nothing tidied behind our back.
func (g *Git) settings() []Setting {
	return []Setting{
		{"core.hooksPath", os.DevNull},
		{"core.fsmonitor", "false"},
		{"core.askPass", ""},
		{"core.logAllRefUpdates", "false"},
		{"core.bigFileThreshold", strconv.FormatInt(g.options.MaxFile, 10)}, // larger ones are streamed, and cut off
		{"credential.helper", ""},
		{"safe.bareRepository", "explicit"},
		{"protocol.version", "2"},
		{"http.followRedirects", "false"}, // see RunError.Location
		{"http.lowSpeedLimit", "1000"},
		{"http.lowSpeedTime", strconv.Itoa(max(1, int(g.options.StallTimeout/time.Second)))},
		{"submodule.recurse", "false"},
		{"fetch.recurseSubmodules", "false"},
		{"fetch.unpackLimit", "1"},
		{"fetch.writeCommitGraph", "false"},
		{"transfer.bundleURI", "false"},
		{"transfer.credentialsInUrl", "die"},
		{"gc.auto", "0"},
		{"maintenance.auto", "false"},
		{"pack.threads", "1"},
		{"pack.windowMemory", "64m"},
		{"core.packedGitWindowSize", "32m"}, // see Options.MaxMemory
		{"core.packedGitLimit", "256m"},
	}
}
