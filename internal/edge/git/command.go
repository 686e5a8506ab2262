package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"github.com/syncline-io/syncline/internal/base/processor"
)

// command is one run of git.
type command struct {
	// args come from this package; what comes from outside stands behind
	// "--end-of-options" or "--".
	args []string
	// dir is the bare repository; "" is none.
	dir string
	// remote is whom the command talks to; nil when it talks to nobody.
	remote  *remote
	timeout time.Duration
	// maxOutput is how many bytes of output are taken. 0 is 1 MiB.
	maxOutput int64
	// trace logs the HTTP headers to the messages.
	trace bool
	// config is for this run.
	config []setting
	// each is given the output line by line, of which nothing is kept then. An error
	// ends the run.
	each func(line []byte) error
}

// runError is a run of git that did not succeed.
type runError struct {
	step     string
	messages string
	timeout  time.Duration // zero unless it ran out
	tooLong  bool
	err      error
}

// Error returns what git was run for and why it failed, for defects only;
// people see what classified makes of it.
func (f *runError) Error() string { return fmt.Sprintf("git %s: %v", f.step, f.err) }

// run runs git and returns its output. It ends with ctx, with the Store, and
// when the timeout runs out, with all that git started.
func (s *Store) run(ctx context.Context, c command) ([]byte, *runError) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	fail := &runError{step: c.args[0]}
	if c.remote != nil {
		pins, err := s.pin(ctx, c.remote)
		if err != nil {
			fail.err = err
			return nil, fail
		}
		c.config = append(slices.Clone(c.config), pins...)
	}
	process := s.prepare(ctx, c)
	if c.remote != nil {
		handed, err := handOver(process, c.remote.handed)
		if err != nil {
			fail.err = err
			return nil, fail
		}
		defer handed()
	}
	output := &limitedBuffer{left: orDefault(c.maxOutput, 1<<20), full: cancel, each: c.each}
	messages := &tailBuffer{limit: 64 << 10}
	process.Stdout, process.Stderr = output, messages
	err := s.finish(process, c.remote, cancel)
	if err == nil && !output.overflow {
		return output.kept.Bytes(), nil
	}
	fail.err, fail.messages, fail.tooLong = err, messages.String(), output.overflow
	switch {
	case output.overflow, errors.Is(err, errHeavy):
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		fail.timeout = c.timeout
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
func (s *Store) finish(process *exec.Cmd, remote *remote, cancel func()) error {
	if err := process.Start(); err != nil {
		return err
	}
	heavy := func() bool { return false }
	if remote != nil {
		heavy = s.weigher.add(process.Process.Pid, remote.host, cancel)
	}
	defer time.AfterFunc(patience, func() { processor.GiveWay(process.Process.Pid) }).Stop()
	err := limit(process.Process.Pid, s.options.MaxMemory, s.options.MaxPack)
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
func (s *Store) prepare(ctx context.Context, c command) *exec.Cmd {
	var args []string
	if c.dir != "" {
		args = append(args, "--git-dir="+c.dir)
	}
	process := exec.CommandContext(ctx, s.options.GitPath, append(args, c.args...)...) //nolint:gosec // see command.args
	process.Dir = s.home
	process.Env = s.environment(c)
	process.WaitDelay = 5 * time.Second
	inOwnGroup(process)
	return process
}

func (s *Store) environment(c command) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + s.home,
		"LC_ALL=C", // messages are matched
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_SYSTEM=" + os.DevNull,
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_CEILING_DIRECTORIES=" + s.options.Dir,
		"GIT_TERMINAL_PROMPT=0",
		"GIT_ASKPASS=",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_NO_LAZY_FETCH=1",
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_PROTOCOL_FROM_USER=0",
		"GIT_ALLOW_PROTOCOL=" + s.protocols(),
	}
	if c.trace {
		env = append(env, "GIT_TRACE_CURL=1", "GIT_TRACE_CURL_NO_DATA=1", "GIT_TRACE_REDACT=1")
	}
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	settings := append(s.settings(), c.config...)
	if c.remote != nil {
		settings = append(settings, c.remote.config...)
		env = append(env, c.remote.env...)
	}
	env = append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(len(settings)))
	for i, setting := range settings {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, setting.key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, setting.value))
	}
	return env
}

func (s *Store) protocols() string {
	if s.options.AllowLocal {
		return "https:http:file"
	}
	return "https:http"
}

// settings close what a repository or its server could steer, and keep a
// mirror as it is: one pack for each fetch, nothing tidied behind our back.
func (s *Store) settings() []setting {
	return []setting{
		{"core.hooksPath", os.DevNull},
		{"core.fsmonitor", "false"},
		{"core.askPass", ""},
		{"core.logAllRefUpdates", "false"},
		{"core.bigFileThreshold", strconv.FormatInt(s.options.MaxFile, 10)}, // larger ones are streamed, and cut off
		{"credential.helper", ""},
		{"safe.bareRepository", "explicit"},
		{"protocol.version", "2"},
		{"http.followRedirects", "false"}, // see Store.redirect
		{"http.lowSpeedLimit", "1000"},
		{"http.lowSpeedTime", strconv.Itoa(max(1, int(s.options.StallTimeout/time.Second)))},
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

// limitedBuffer keeps output up to a limit, and calls full beyond it.
type limitedBuffer struct {
	kept     bytes.Buffer // not embedded: it must be written to by Write alone
	left     int64
	overflow bool
	full     func()
	// each takes whole lines instead of keeping them.
	each func(line []byte) error
}

// Write keeps p, or fails.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return b.end()
	}
	n, err := b.kept.Write(p)
	for b.each != nil && err == nil {
		line, rest, whole := bytes.Cut(b.kept.Bytes(), []byte("\n"))
		if !whole {
			break
		}
		if err := b.each(line); err != nil {
			return b.end()
		}
		b.kept.Next(b.kept.Len() - len(rest))
	}
	return n, err
}

// end ends the run because there is too much.
func (b *limitedBuffer) end() (int, error) {
	b.overflow = true
	b.full()
	return 0, io.ErrShortWrite
}

// tailBuffer keeps the last bytes that are written to it.
type tailBuffer struct {
	kept  []byte
	limit int
}

// Write keeps p and forgets what came long before it.
func (b *tailBuffer) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p...)
	if extra := len(b.kept) - b.limit; extra > 0 {
		b.kept = append([]byte(nil), b.kept[extra:]...)
	}
	return len(p), nil
}

// String returns what is kept.
func (b *tailBuffer) String() string { return string(b.kept) }
