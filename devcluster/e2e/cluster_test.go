package e2e_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/syncline-io/syncline/devcluster/e2e/internal/audit"
	"github.com/syncline-io/syncline/internal/base/testenv"
)

// cluster is a control plane that knows Applications.
type cluster struct {
	*testenv.Cluster
	api    *api
	log    *audit.Log
	cancel context.CancelFunc
}

// startCluster starts a control plane with an audit log, in which the canary is looked for.
func startCluster(ctx context.Context, secret canary) (_ *cluster, err error) {
	given, err := testenv.StartCluster(ctx, testenv.ClusterOptions{Audit: true, Progress: quiet{os.Stderr}})
	if err != nil {
		return nil, err
	}
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &cluster{Cluster: given, cancel: cancel}
	defer func() {
		if err != nil {
			_ = c.close()
		}
	}()
	if c.log, err = audit.Follow(following, given.AuditLog, func(line []byte) { lookIn(line, secret) }); err != nil {
		return nil, err
	}
	if c.api, err = connect(given.Kubeconfig); err != nil {
		return nil, err
	}
	return c, c.install(ctx)
}

// lookIn looks for the canary in what was written into Applications and events.
func lookIn(line []byte, secret canary) {
	for _, resource := range []string{"applications", "events", "appprojects"} {
		if bytes.Contains(line, []byte(`"resource":"`+resource+`"`)) {
			secret.look("a request about "+resource, line)
		}
	}
}

// install makes the API server know Applications.
func (c *cluster) install(ctx context.Context) error {
	names, err := filepath.Glob(filepath.Join("..", "..", "deploy", "crds", "*.yaml"))
	if err != nil || len(names) == 0 {
		return fmt.Errorf("no definitions in deploy/crds (%w)", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		objects, err := decode(string(text), "")
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, object := range objects {
			if err := c.api.apply(ctx, object); err != nil {
				return err
			}
			established := condition{`{.status.conditions[?(@.type=="Established")].status}`, "True"}
			if err := c.api.await(ctx, target{kind: "customresourcedefinitions.apiextensions.k8s.io", name: object.GetName()}, []condition{established}); err != nil {
				return err
			}
		}
	}
	return nil
}

// fence returns when the log has what came to pass before the call, and the log's position then. The API server logs a
// request after it answered it, so that a watch may tell of a write first: that write gets the time of several requests.
func (c *cluster) fence(ctx context.Context) (position int, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for range 3 {
		if position, err = c.ping(ctx); err != nil {
			return 0, err
		}
	}
	return position, nil
}

// ping makes a request, and returns the log's position when it is there.
func (c *cluster) ping(ctx context.Context) (position int, err error) {
	_, position, _, err = c.log.Since(0)
	if err != nil {
		return 0, err
	}
	mark := "fence=" + rand.Text()
	if err := c.api.ping(ctx, mark); err != nil {
		return 0, err
	}
	if err := c.log.Await(ctx, position, func(e audit.Event) bool { return strings.Contains(e.URI, mark) }); err != nil {
		return 0, err
	}
	_, position, _, err = c.log.Since(0)
	return position, err
}

func (c *cluster) close() error {
	c.cancel()
	return c.Stop()
}

// quiet passes on only what takes long: what the parts of a control plane log while they end helps nobody.
type quiet struct{ io.Writer }

// Write passes lines on that are about building.
func (q quiet) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("build")) {
		return q.Writer.Write(p)
	}
	return len(p), nil
}
