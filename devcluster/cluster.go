package devcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// startTimeout bounds Start and StartAPIServer also when their context does not; a start takes seconds.
	startTimeout = 3 * time.Minute
	// pollInterval is how often a starting cluster is asked whether it is ready.
	pollInterval = 50 * time.Millisecond
)

// Cluster is a running control plane. Its methods may be called from several goroutines.
type Cluster struct {
	options   Options
	temporary bool // the data folder goes with the cluster
	server    string
	port      int
	access    []byte // the administrator's kubeconfig
	setup     *client

	lock        *os.File // held while this process uses the data folder
	reserved    *os.File // the socket that keeps the API server's port
	metrics     *os.File // the socket that KWOK answers for metrics on
	metricsPort int
	leash       *os.File // the parts end when this end of a pipe closes
	leashEnd    *os.File // the end that the parts inherit

	done     chan struct{}
	failOnce sync.Once
	err      error // set before done is closed

	mu      sync.Mutex // guards parts and stopped
	parts   map[string]*process
	stopped bool
}

// Start makes a cluster and returns when it is ready: the API server answers, the nodes are Ready and the controllers
// work. ctx bounds the start only; the cluster runs until Stop. A failed start leaves nothing behind.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	c := &Cluster{options: options, done: make(chan struct{}), parts: map[string]*process{}}
	if err := c.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("preparing cluster %s: %w", options.Name, err), c.Stop())
	}
	if err := c.run(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting cluster %s: %w", options.Name, err), c.Stop())
	}
	return c, nil
}

// Name is the cluster's name, as Options has it.
func (c *Cluster) Name() string { return c.options.Name }

// Server is the URL of the API server.
func (c *Cluster) Server() string { return c.server }

// Kubeconfig is the path of the administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.options.Kubeconfig }

// KubeconfigBytes is the content of the administrator's kubeconfig.
func (c *Cluster) KubeconfigBytes() []byte { return c.access }

// AuditLog is the path of the API audit log, or empty.
func (c *Cluster) AuditLog() string { return c.options.AuditLog }

// DataDir is the folder of the cluster's data; logs/ in it has a log of each part.
func (c *Cluster) DataDir() string { return c.options.DataDir }

// Done is closed when a part of the cluster ended without being asked; Err then says which and why. The other parts
// keep running until Stop.
func (c *Cluster) Done() <-chan struct{} { return c.done }

// Err is nil until Done is closed.
func (c *Cluster) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// PIDs are the process IDs of the running parts by name: etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler, kwok.
func (c *Cluster) PIDs() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	pids := make(map[string]int, len(c.parts))
	for name, part := range c.parts {
		pids[name] = part.command.Process.Pid
	}
	return pids
}

// StopAPIServer takes the API server away as a crash would: open requests break, new connections are refused. Data and
// port are kept for StartAPIServer. It does nothing when the API server is stopped already.
func (c *Cluster) StopAPIServer() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return fmt.Errorf("stopping the API server of cluster %s: the cluster is stopped", c.options.Name)
	}
	c.endPart("kube-apiserver", (*process).kill)
	return nil
}

// StartAPIServer brings the API server back at the same address and waits until it is ready. It does nothing when the
// API server is running.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.startPart(c.apiServer()); err != nil {
		return err
	}
	if err := c.await(ctx, c.working); err != nil {
		return fmt.Errorf("starting the API server of cluster %s again: %w", c.options.Name, err)
	}
	return nil
}

// Stop ends all parts and removes the kubeconfig and, unless it was given, the data folder. It is safe to call it again.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return nil
	}
	c.stopped = true
	// Nothing of the rest has anything to finish; etcd closes its files, so that kept data open quickly.
	for _, name := range []string{"kwok", "kube-scheduler", "kube-controller-manager", "kube-apiserver"} {
		c.endPart(name, (*process).kill)
	}
	c.endPart("etcd", (*process).terminate)
	return c.cleanUp()
}

// endPart makes the end of a part an expected one. c.mu is held.
func (c *Cluster) endPart(name string, end func(*process)) {
	part, running := c.parts[name]
	if !running {
		return
	}
	part.expected.Store(true)
	end(part)
	delete(c.parts, name)
}

// startPart starts a part unless it is running, and watches over it.
func (c *Cluster) startPart(p part) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return fmt.Errorf("starting %s: cluster %s is stopped", p.name, c.options.Name)
	}
	if _, running := c.parts[p.name]; running {
		return nil
	}
	running, err := startProcess(c.options, p, c.leashEnd)
	if err != nil {
		return err
	}
	c.parts[p.name] = running
	go func() {
		<-running.exited
		if !running.expected.Load() {
			c.fail(running.failure())
		}
	}()
	return nil
}

// fail reports the first failure; what follows from it would only confuse.
func (c *Cluster) fail(err error) {
	c.failOnce.Do(func() {
		c.err = fmt.Errorf("cluster %s: %w", c.options.Name, err)
		close(c.done)
	})
}

// await polls until ready returns nil, the context ends or a part fails.
func (c *Cluster) await(ctx context.Context, ready func(context.Context) error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-c.done:
			return c.err
		case <-ctx.Done():
			return fmt.Errorf("%w while waiting; last answer: %w", context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}

func (c *Cluster) progress(format string, args ...any) {
	fmt.Fprintf(c.options.Progress, format+"\n", args...)
}

// cleanUp gives back what prepare took, as far as it came.
func (c *Cluster) cleanUp() error {
	if c.setup != nil {
		c.setup.close()
	}
	for _, file := range []*os.File{c.leash, c.leashEnd, c.reserved, c.metrics} {
		if file != nil {
			file.Close()
		}
	}
	var errs []error
	if c.access != nil {
		errs = append(errs, removeFile(c.options.Kubeconfig))
	}
	if c.temporary {
		errs = append(errs, os.RemoveAll(c.options.DataDir))
	}
	if c.lock != nil {
		c.lock.Close()
	}
	return errors.Join(errs...)
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// inData is a path in the data folder.
func (c *Cluster) inData(name string) string { return filepath.Join(c.options.DataDir, name) }
