package testenv

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// stopTimeout is how long a devcluster may take to stop before it is killed; it takes a fraction of a second.
const stopTimeout = 20 * time.Second

// ClusterOptions says what a test needs of its cluster. The zero value is a cluster with one node and no audit log.
type ClusterOptions struct {
	// Name tells clusters apart in messages and is the kubeconfig's context. Default "devcluster".
	Name string
	// Audit makes the API server log each request to Cluster.AuditLog. Default: no log.
	Audit bool
	// Nodes is the number of nodes. Default 1.
	Nodes int
	// DataDir keeps the cluster's data after Stop, for the next start. Default: they are removed.
	DataDir string
	// Apart makes it a devcluster whatever kubeconfig is named, for a test of more
	// clusters than one. Default: the one that is named.
	Apart bool
	// Progress gets a line for each thing that happens, for people. Default: standard error.
	Progress io.Writer
}

// Cluster is a running Kubernetes cluster and how to reach it as its administrator.
type Cluster struct {
	// Kubeconfig is the path of the administrator's kubeconfig.
	Kubeconfig string
	// Server is the URL of the API server.
	Server string
	// AuditLog is the path of the API audit log, one JSON event a line; empty unless asked for.
	AuditLog string

	process *devcluster // nil for a cluster that was given
}

// StartCluster returns a cluster that is ready. It is the one of the kubeconfig named by SYNCLINE_TEST_KUBECONFIG or
// KUBECONFIG, if either is set; else a new devcluster, whose binary is built first when it is missing, which takes
// minutes once. ctx bounds building and starting. A devcluster ends with Stop, or with this process, however that ends.
func StartCluster(ctx context.Context, options ClusterOptions) (*Cluster, error) {
	if options.Progress == nil {
		options.Progress = os.Stderr
	}
	if path := givenKubeconfig(); path != "" && !options.Apart {
		return givenCluster(path, options)
	}
	binary, err := devclusterBinary(ctx, options.Progress)
	if err != nil {
		return nil, err
	}
	return launch(ctx, binary, options)
}

// Main runs a package's tests with one cluster, which use gets before the first test. It returns the exit code:
//
//	func TestMain(m *testing.M) {
//		os.Exit(testenv.Main(m, testenv.ClusterOptions{}, func(c *testenv.Cluster) { cluster = c }))
//	}
func Main(m interface{ Run() int }, options ClusterOptions, use func(*Cluster)) (code int) {
	cluster, err := StartCluster(context.Background(), options)
	if err != nil {
		fmt.Fprintln(os.Stderr, "no cluster for the tests:", err)
		return 1
	}
	use(cluster)
	defer func() {
		if err := cluster.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the cluster of the tests:", err)
			code = 1
		}
	}()
	return m.Run()
}

// Stop ends the cluster and removes what it left; a cluster that was given keeps running. It returns the reason if a
// part of the cluster had failed meanwhile. It is safe to call it again.
func (c *Cluster) Stop() error {
	if c.process == nil {
		return nil
	}
	return c.process.stop()
}

// StopAPIServer takes the API server away as a crash would: open requests break, new connections are refused.
func (c *Cluster) StopAPIServer() error { return c.request("stop-apiserver") }

// StartAPIServer brings the API server back at the same address, and returns when it is ready.
func (c *Cluster) StartAPIServer() error { return c.request("start-apiserver") }

func (c *Cluster) request(name string) error {
	if c.process == nil {
		return fmt.Errorf("%s: the cluster at %s was given by a kubeconfig, only a devcluster can do that: unset SYNCLINE_TEST_KUBECONFIG and KUBECONFIG", name, c.Server)
	}
	return c.process.request(name)
}

// devcluster is a child process `syncline-devcluster run`. It lives until its standard input closes.
type devcluster struct {
	command *exec.Cmd
	input   io.WriteCloser
	lines   <-chan []byte // of its standard output; closed when that ends

	requests sync.Mutex // one request and its answer at a time
	stopOnce sync.Once
	stopErr  error
}

func launch(ctx context.Context, binary string, options ClusterOptions) (*Cluster, error) {
	process, err := startDevcluster(binary, options)
	if err != nil {
		return nil, err
	}
	var cluster Cluster
	select {
	case line, ok := <-process.lines:
		if !ok {
			return nil, fmt.Errorf("the devcluster did not start; its reason is above: %w", process.stop())
		}
		if err := json.Unmarshal(line, &cluster); err != nil {
			return nil, errors.Join(fmt.Errorf("reading the devcluster's description %q: %w", line, err), process.stop())
		}
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("starting a devcluster: %w", context.Cause(ctx)), process.stop())
	}
	cluster.process = process
	return &cluster, nil
}

func startDevcluster(binary string, options ClusterOptions) (*devcluster, error) {
	command := exec.Command(binary, devclusterArgs(options)...)
	command.Stderr = options.Progress
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the tests, which take the cluster with them
	command.WaitDelay = stopTimeout
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting a devcluster: %w", err)
	}
	return &devcluster{command: command, input: input, lines: readLines(output)}, nil
}

func devclusterArgs(options ClusterOptions) []string {
	args := []string{"run"}
	if options.Name != "" {
		args = append(args, "--name", options.Name)
	}
	if options.DataDir != "" {
		args = append(args, "--data", options.DataDir)
	}
	if options.Nodes != 0 {
		args = append(args, "--nodes", strconv.Itoa(options.Nodes))
	}
	if options.Audit {
		args = append(args, "--audit")
	}
	return args
}

func readLines(in io.Reader) <-chan []byte {
	lines := make(chan []byte, 1)
	go func() {
		defer close(lines)
		for reader := bufio.NewReader(in); ; {
			line, err := reader.ReadBytes('\n')
			if err != nil {
				return
			}
			lines <- line
		}
	}()
	return lines
}

// request sends one line and waits for its answer. The devcluster bounds how long it takes.
func (d *devcluster) request(name string) error {
	d.requests.Lock()
	defer d.requests.Unlock()
	if _, err := fmt.Fprintln(d.input, name); err != nil {
		return fmt.Errorf("%s: the devcluster is gone: %w", name, err)
	}
	line, ok := <-d.lines
	if !ok {
		return fmt.Errorf("%s: the devcluster is gone", name)
	}
	var answer struct{ Error string }
	if err := json.Unmarshal(line, &answer); err != nil {
		return fmt.Errorf("%s: reading the devcluster's answer %q: %w", name, line, err)
	}
	if answer.Error != "" {
		return fmt.Errorf("%s: %s", name, answer.Error)
	}
	return nil
}

// stop closes the child's input, by which it ends, and waits for that.
func (d *devcluster) stop() error {
	d.stopOnce.Do(func() {
		_ = d.input.Close() // fails only when it is closed already
		overdue := time.AfterFunc(stopTimeout, func() { _ = d.command.Process.Kill() })
		defer overdue.Stop()
		for range d.lines { // Wait closes the pipe, so it has to be read first
		}
		if err := d.command.Wait(); err != nil {
			d.stopErr = fmt.Errorf("the devcluster failed: %w", err)
		}
	})
	return d.stopErr
}
