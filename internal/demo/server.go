package demo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// pollInterval is how often the demo's Syncline asks for new commits; by default that is every three minutes.
	pollInterval = time.Second
	// stopLimit is how long it may take to stop before it is killed.
	stopLimit = 15 * time.Second
	// logTail is how much of its log an error shows.
	logTail = 3000
)

// server is a child process `syncline server`.
type server struct {
	command  *exec.Cmd
	log      *os.File
	stopping atomic.Bool
	ended    chan struct{} // closed when the process is gone
}

// startServer starts the program, which logs to a file. If it ends without being asked to, failed is told.
func startServer(program string, args []string, logPath string, failed func(error)) (*server, error) {
	log, err := os.Create(logPath)
	if err != nil {
		return nil, fmt.Errorf("starting syncline server: %w", err)
	}
	command := exec.Command(program, append([]string{"server"}, args...)...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = apart()
	if err := command.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", program, err), log.Close())
	}
	s := &server{command: command, log: log, ended: make(chan struct{})}
	go func() {
		_ = command.Wait() // the state says all
		close(s.ended)
		if !s.stopping.Load() {
			failed(fmt.Errorf("syncline server ended by itself (%s); the end of its log:\n%s", command.ProcessState, s.tail()))
		}
	}()
	return s, nil
}

// stop asks the process to end and waits for that.
func (s *server) stop() error {
	s.stopping.Store(true)
	defer s.log.Close()
	_ = s.command.Process.Signal(syscall.SIGTERM) // fails only when it is gone already
	select {
	case <-s.ended:
		return nil
	case <-time.After(stopLimit):
		_ = s.command.Process.Kill()
		<-s.ended
		return fmt.Errorf("syncline server did not stop within %s and was killed", stopLimit)
	}
}

// tail is the end of the log.
func (s *server) tail() []byte {
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		return []byte(err.Error())
	}
	if len(text) > logTail {
		text = text[len(text)-logTail:]
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return text
}
