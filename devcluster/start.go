package devcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// prepare takes what the cluster needs of this machine: a folder, a port, a pipe; and writes the configuration.
func (c *Cluster) prepare() error {
	if err := c.claimDataDir(); err != nil {
		return err
	}
	var err error
	if c.leashEnd, c.leash, err = os.Pipe(); err != nil {
		return err
	}
	if c.reserved, c.port, err = reservePort(c.options.Port); err != nil {
		return err
	}
	if c.metrics, c.metricsPort, err = listen(); err != nil {
		return err
	}
	c.server = fmt.Sprintf("https://127.0.0.1:%d", c.port)
	if c.access, c.setup, err = writeConfig(c.options, c.server); err != nil {
		return err
	}
	if c.options.Audit && c.options.AuditLog == "" {
		c.options.AuditLog = c.inData("audit.log")
	}
	if c.options.AuditLog != "" {
		if err := os.MkdirAll(filepath.Dir(c.options.AuditLog), 0o700); err != nil {
			return err
		}
	}
	if c.options.Kubeconfig == "" {
		c.options.Kubeconfig = c.inData("kubeconfig")
	}
	if err := os.MkdirAll(filepath.Dir(c.options.Kubeconfig), 0o700); err != nil {
		return err
	}
	return os.WriteFile(c.options.Kubeconfig, c.access, 0o600)
}

// claimDataDir makes the data folder and takes its lock, so that no two clusters share one.
func (c *Cluster) claimDataDir() error {
	if c.options.DataDir == "" {
		folder, err := os.MkdirTemp("", "syncline-devcluster-")
		if err != nil {
			return err
		}
		c.options.DataDir, c.temporary = folder, true
	}
	if err := os.MkdirAll(c.inData("logs"), 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(c.inData("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	c.lock = lock
	err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("data folder %s is used by another running cluster: stop that one or choose another folder", c.options.DataDir)
	}
	return err
}

// run starts the parts and waits until they work together.
func (c *Cluster) run(ctx context.Context) error {
	began := time.Now()
	if err := c.startParts(c.etcd(), c.apiServer()); err != nil {
		return err
	}
	if err := c.await(ctx, c.apiReady); err != nil {
		return fmt.Errorf("waiting for the API server: %w", err)
	}
	c.progress("API server ready at %s after %s", c.server, time.Since(began).Round(100*time.Millisecond))
	if err := c.startParts(controllerManager(), scheduler(), c.kwok()); err != nil {
		return err
	}
	if err := c.furnish(ctx); err != nil {
		return err
	}
	if err := c.await(ctx, c.working); err != nil {
		return fmt.Errorf("waiting for the nodes and the controllers: %w", err)
	}
	c.progress("cluster %s ready after %s", c.options.Name, time.Since(began).Round(100*time.Millisecond))
	return nil
}

func (c *Cluster) startParts(parts ...part) error {
	for _, part := range parts {
		c.progress("starting %s", part.name)
		if err := c.startPart(part); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) apiReady(ctx context.Context) error {
	return c.setup.get(ctx, "/readyz", nil)
}
