package program

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/syncline-io/syncline/internal/base/processor"
)

// Process is a run of git that answers what it is asked, until it is ended.
type Process struct {
	command  *exec.Cmd
	stdin    io.WriteCloser
	output   *os.File
	answers  *bufio.Reader // of output
	messages *tailBuffer
	// slow says that its last answer took so long that it gave way to others.
	slow bool
}

// Start starts a process, which ends with life at the latest.
func (g *Git) Start(c Command) (*Process, error) {
	if err := g.life.Err(); err != nil {
		return nil, fmt.Errorf("the Git cache is closed: %w", err)
	}
	command := g.prepare(g.life, c)
	p := &Process{command: command, messages: &tailBuffer{limit: 4 << 10}}
	command.Stderr = p.messages
	var err error
	if p.stdin, err = command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting git %s: %w", c.Args[0], err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting git %s: %w", c.Args[0], err)
	}
	p.output = stdout.(*os.File) //nolint:forcetypeassert // so that it has deadlines
	p.answers = bufio.NewReaderSize(stdout, 64<<10)
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting git %s: %w", c.Args[0], err)
	}
	if err := limit(command.Process.Pid, g.options.MaxMemory, g.options.MaxPack); err != nil {
		_ = command.Cancel()
		_ = command.Wait()
		return nil, fmt.Errorf("limiting git %s: %w", c.Args[0], err)
	}
	return p, nil
}

// Ask sends a line, and has the answer read, which fails when it takes longer than
// within. One process is asked one thing at a time.
func (p *Process) Ask(request string, within time.Duration, read func(answer *bufio.Reader) error) error {
	if err := p.output.SetReadDeadline(time.Now().Add(within)); err != nil {
		return fmt.Errorf("asking git: %w", err)
	}
	if _, err := io.WriteString(p.stdin, request+"\n"); err != nil {
		return fmt.Errorf("asking git: %w", err)
	}
	slow := time.AfterFunc(patience, func() { processor.GiveWay(p.command.Process.Pid) })
	defer func() { p.slow = !slow.Stop() }()
	return read(p.answers)
}

// GaveWay reports whether the last answer took so long that the process gave way to
// others, which is for good.
func (p *Process) GaveWay() bool { return p.slow }

// End ends and reaps the process, and returns what it said last.
func (p *Process) End() string {
	_ = p.stdin.Close()
	_ = p.command.Cancel()
	_ = p.command.Wait()
	return strings.TrimSpace(p.messages.String())
}
