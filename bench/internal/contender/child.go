package contender

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/syncline-io/syncline/bench/internal/procfs"
)

// stopLimit is how long a contender may take to stop before it is killed.
const stopLimit = 20 * time.Second

// child is a process that is stopped by SIGTERM.
type child struct {
	command *exec.Cmd
	tail    *tail
	ended   chan struct{}
}

// startChild starts a command, whose output goes to the writer; that is closed
// when the process has ended.
func startChild(output io.WriteCloser, command *exec.Cmd) (*child, error) {
	c := &child{command: command, tail: &tail{}, ended: make(chan struct{})}
	out := io.MultiWriter(c.tail, output)
	c.command.Stdout, c.command.Stderr = out, out
	c.command.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true,            // Ctrl-C is for the driver, which stops things in order
		Pdeathsig: syscall.SIGTERM, // and nothing is left when the driver is killed
	}
	if err := c.command.Start(); err != nil {
		_ = output.Close() // nothing was written
		return nil, fmt.Errorf("starting %s: %w", command.Path, err)
	}
	go func() {
		_ = c.command.Wait() // the state says all
		_ = output.Close()   // logs are for people; nothing depends on them
		close(c.ended)
	}()
	return c, nil
}

func (c *child) tree() procfs.Tree { return procfs.Tree{PID: c.command.Process.Pid} }

// err says why the process is gone.
func (c *child) err() error {
	return fmt.Errorf("%s ended by itself (%s); the end of its log:\n%s", c.command.Path, c.command.ProcessState, c.tail)
}

// stop asks the process to end and waits for that.
func (c *child) stop() error {
	select {
	case <-c.ended:
		return c.err()
	default:
	}
	if err := c.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.ended:
		return nil
	case <-time.After(stopLimit):
		_ = c.command.Process.Kill() // fails only when it is gone
		<-c.ended
		return fmt.Errorf("%s did not stop within %s and was killed", c.command.Path, stopLimit)
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4 << 10

func (t *tail) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, text...)
	if extra := len(t.text) - tailSize; extra > 0 {
		t.text = append([]byte(nil), t.text[extra:]...)
	}
	return len(text), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
