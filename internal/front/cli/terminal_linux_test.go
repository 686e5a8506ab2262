package cli_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/sys/unix"

	"github.com/syncline-io/syncline/internal/front/cli"
)

// openTerminal returns both ends of a pseudo-terminal of 100 columns.
func openTerminal(t *testing.T) (screen, program *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(screen.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = screen.Close(), program.Close() })
	return screen, program
}

// onTerminal runs a command in the world of a script, and returns what a
// terminal got for stdout and stderr.
func onTerminal(t *testing.T, script string, env map[string]string, args ...string) (text string, code int) {
	t.Helper()
	dir := t.TempDir()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "script", script))
	if err != nil {
		t.Fatal(err)
	}
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	screen, program := openTerminal(t)
	read := make(chan string)
	go func() {
		var text bytes.Buffer
		_, _ = io.Copy(&text, screen) // it fails when the other end is closed
		read <- text.String()
	}()
	deps := dependencies(dir)
	deps.Getenv = func(name string) string { return env[name] }
	code = cli.Main(t.Context(), args, deps, cli.Streams{In: program, Out: program, Err: program})
	if err := program.Close(); err != nil {
		t.Fatal(err)
	}
	return <-read, code
}

func TestSyncIsDrawnInPlaceOnATerminal(t *testing.T) {
	text, code := onTerminal(t, "sync.txt", nil, "app", "sync", "shop")
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, text)
	}
	for _, want := range []string{"\x1b[1A\r", "\x1b[2K", "◐", "Progressing", "\x1b[32mSucceeded"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in what the terminal got:\n%q", want, text)
		}
	}
	if strings.Contains(text, "GROUP") {
		t.Errorf("the results are printed again below the picture:\n%s", text)
	}
}

func TestNoColorIsMindedOnATerminal(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"NO_COLOR": {"NO_COLOR": "1"}, "TERM": {"TERM": "dumb"},
	} {
		if text, _ := onTerminal(t, "list.txt", env, "app", "list"); strings.Contains(text, "\x1b[3") {
			t.Errorf("with %s there are colours in %q", name, text)
		}
	}
	if text, _ := onTerminal(t, "list.txt", nil, "app", "list"); !strings.Contains(text, "\x1b[32mSynced") {
		t.Errorf("there are no colours in %q", text)
	}
}

func TestWatchIsDrawnInPlaceOnATerminal(t *testing.T) {
	text, code := onTerminal(t, "refresh.txt", nil, "app", "get", "shop", "--watch", "--timeout", "2s")
	if code != 5 {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(text, "A\r\x1b[2KName:") {
		t.Errorf("it was not drawn again in place: %q", text)
	}
}
