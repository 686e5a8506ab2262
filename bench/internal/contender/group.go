package contender

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/syncline-io/syncline/bench/internal/procfs"
)

// group is the processes of a contender that has several, in the order in which
// they were started.
type group []*child

func (g group) forest() procfs.Forest {
	var forest procfs.Forest
	for _, c := range g {
		forest = append(forest, c.tree())
	}
	return forest
}

// within returns a context that ends with the first of the processes that does,
// and a function to call when nothing is awaited any more.
func (g group) within(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	for _, c := range g {
		go func() {
			select {
			case <-c.ended:
				cancel(c.err())
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}

// stop stops the processes, the last one first.
func (g group) stop() error {
	var failures []error
	for _, c := range slices.Backward(g) {
		failures = append(failures, c.stop())
	}
	return errors.Join(failures...)
}

// looking is how often a process is asked whether it is ready.
const looking = 100 * time.Millisecond

// answers waits until a process accepts connections at an address, or answers
// an URL with 200 OK.
func (c *child) answers(ctx context.Context, address string) error {
	ctx, done := group{c}.within(ctx)
	defer done()
	ticker := time.NewTicker(looking)
	defer ticker.Stop()
	for {
		if ask(ctx, address) == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", filepath.Base(c.command.Path), context.Cause(ctx))
		}
	}
}

func ask(ctx context.Context, address string) error {
	if _, _, err := net.SplitHostPort(address); err == nil {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return connection.Close()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// freePorts returns ports of the loopback interface that nobody listens on.
func freePorts(ctx context.Context, count int) ([]int, error) {
	var ports []int
	for range count {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close() // after all are known, so that they differ
		address, ok := listener.Addr().(*net.TCPAddr)
		if !ok {
			return nil, fmt.Errorf("%s is no TCP address", listener.Addr())
		}
		ports = append(ports, address.Port)
	}
	return ports, nil
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// openLog opens a file in a folder that keeps logs; "" is no folder and keeps
// nothing.
func openLog(folder, name string) (*os.File, error) {
	path := os.DevNull
	if folder != "" {
		path = filepath.Join(folder, name+".log")
	}
	return os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
}
