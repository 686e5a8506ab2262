package devcluster

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// terminateGrace is how long a part may take to end after SIGTERM before it is killed.
	terminateGrace = 5 * time.Second
	// logTail is how much of a part's log is quoted when it ended unasked, in bytes.
	logTail = 2000
)

// process is one running part of a cluster.
type process struct {
	name    string
	command *exec.Cmd
	logFile string

	expected atomic.Bool   // set before the process is asked to end
	exited   chan struct{} // closed when the process has ended and err is set
	err      error
}

// startProcess runs the binary as a part, in the data folder, with its output in logs/NAME.log. leash is the read end
// of the pipe by which the part notices that this process is gone.
func startProcess(options Options, p part, leash *os.File) (*process, error) {
	name := p.name
	logFile := filepath.Join(options.DataDir, "logs", name+".log")
	output, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer output.Close()

	command := exec.Command(options.Binary, append([]string{"component", name}, p.args...)...)
	command.Dir = options.DataDir
	command.Env = environment(options.DataDir)
	command.Stdout, command.Stderr = output, output
	command.ExtraFiles = []*os.File{leash}
	if p.socket != nil {
		command.ExtraFiles = append(command.ExtraFiles, p.socket)
	}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C in a terminal is for the parent, which stops its parts in order
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	running := &process{name: name, command: command, logFile: logFile, exited: make(chan struct{})}
	go func() {
		running.err = command.Wait()
		close(running.exited)
	}()
	return running, nil
}

// environment is all that a part sees of the user's: no proxy, no kubeconfig.
func environment(dataDir string) []string {
	env := []string{"HOME=" + dataDir, "TMPDIR=" + dataDir}
	for _, name := range []string{"PATH", "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GOCOVERDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// kill ends the process at once and waits until it has ended.
func (p *process) kill() {
	_ = p.command.Process.Kill() // fails only when it has ended already
	<-p.exited
}

// terminate lets the process end in its own way, and kills it when that takes too long.
func (p *process) terminate() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(terminateGrace):
		p.kill()
	}
}

// failure describes why the process ended, with the end of its log. The process must have ended.
func (p *process) failure() error {
	status := "exit status 0"
	if p.err != nil {
		status = p.err.Error()
	}
	return fmt.Errorf("%s ended unexpectedly (%s); its last words:\n%s", p.name, status, p.lastWords())
}

func (p *process) lastWords() string {
	log, err := os.ReadFile(p.logFile)
	if err != nil {
		return err.Error()
	}
	if len(log) > logTail {
		log = log[len(log)-logTail:]
		log = log[bytes.IndexByte(log, '\n')+1:]
	}
	return strings.TrimSpace(string(log))
}
