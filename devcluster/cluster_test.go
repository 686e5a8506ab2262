package devcluster_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/syncline-io/syncline/devcluster"
)

func TestStopLeavesNothing(t *testing.T) {
	cluster := start(t, devcluster.Options{})
	pids := cluster.PIDs()
	if len(pids) != 5 {
		t.Errorf("the cluster has %d parts, want 5: %v", len(pids), pids)
	}
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	for name, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s still runs (%v)", name, err)
		}
	}
	if _, err := os.Stat(cluster.DataDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the data folder is still there (%v)", err)
	}
	// Without address reuse, so that it fails as long as anybody has the port.
	listener, err := net.Listen("tcp", strings.TrimPrefix(cluster.Server(), "https://"))
	if err != nil {
		t.Fatal("the port is still taken:", err)
	}
	listener.Close()
}

func TestTwoClustersAtOnce(t *testing.T) {
	first, second := start(t, devcluster.Options{Name: "first"}), start(t, devcluster.Options{Name: "second"})
	one, two := newUser(t, first), newUser(t, second)
	one.sees(one.has(deployment("web", "")), "available", hasCondition("Available", "True"))
	web := two.has(deployment("web", "")) // would exist already if they were one
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	two.sees(web, "available", hasCondition("Available", "True"))
}

func TestKeptData(t *testing.T) {
	options := devcluster.Options{DataDir: filepath.Join(t.TempDir(), "data"), Kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	cluster := start(t, options)
	u := newUser(t, cluster)
	web := u.has(deployment("web", ""))

	if _, err := devcluster.Start(t.Context(), options); err == nil || !strings.Contains(err.Error(), "used by another running cluster") {
		t.Errorf("a second cluster on the same data gives error %v", err)
	}
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(options.Kubeconfig); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the kubeconfig is still there (%v)", err)
	}
	again := start(t, options)
	u.client = newClient(t, again)
	u.sees(web, "available", hasCondition("Available", "True"))
}

func TestAPIServerGoesAwayAndComesBack(t *testing.T) {
	cluster := start(t, devcluster.Options{})
	u := newUser(t, cluster)
	web := u.has(deployment("web", ""))
	discoversAll(t, cluster)
	for range 2 { // stopping and starting what is stopped or started does nothing
		if err := cluster.StopAPIServer(); err != nil {
			t.Fatal(err)
		}
	}
	// A connection that was open is found to be reset, and a new one is refused.
	if _, err := u.create(job("refused", "")); !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a request to a stopped API server gives %v, want connection refused", err)
	}
	for range 2 {
		if err := cluster.StartAPIServer(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	discoversAll(t, cluster)
	u.sees(web, "available", hasCondition("Available", "True"))
	u.sees(u.has(job("after", "")), "complete", hasCondition("Complete", "True"))
	if err := cluster.Err(); err != nil {
		t.Error("stopping the API server is reported as a failure:", err)
	}
}

// A part that still starts when the API server goes away may give up; Start has to wait for each.
func TestAPIServerMayGoAwayAtOnce(t *testing.T) {
	cluster := start(t, devcluster.Options{})
	if err := cluster.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	if err := cluster.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	discoversAll(t, cluster)
	u := newUser(t, cluster)
	u.sees(u.has(deployment("web", "")), "available", hasCondition("Available", "True"))
	u.sees(u.has(job("after", "")), "complete", hasCondition("Complete", "True"))
	if err := cluster.Err(); err != nil {
		t.Error(err)
	}
}

func TestCrashIsReported(t *testing.T) {
	for _, part := range []string{"etcd", "kube-scheduler"} {
		t.Run(part, func(t *testing.T) {
			cluster := start(t, devcluster.Options{Name: "doomed"})
			if err := cluster.Err(); err != nil {
				t.Fatal("a healthy cluster reports", err)
			}
			if err := syscall.Kill(cluster.PIDs()[part], syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			select {
			case <-cluster.Done():
			case <-time.After(patience):
				t.Fatal("the end of", part, "is not noticed")
			}
			err := cluster.Err()
			if err == nil || !strings.Contains(err.Error(), "doomed") || !strings.Contains(err.Error(), part+" ended unexpectedly (signal: killed)") {
				t.Errorf("the report is %q", err)
			}
		})
	}
}

func TestAuditLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "logs", "audit.jsonl")
	cluster := start(t, devcluster.Options{AuditLog: file})
	u := newUser(t, cluster)
	u.has(deployment("web", ""))
	u.has(`{apiVersion: v1, kind: Secret, metadata: {name: key}, stringData: {token: do-not-log}}`)
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}

	log, err := os.Open(file) // kept, because its place was given
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	seen := map[string]bool{}
	lines := bufio.NewScanner(log)
	for lines.Buffer(nil, 1<<24); lines.Scan(); {
		var event struct {
			Verb, Stage   string
			User          struct{ Username string }
			ObjectRef     struct{ Resource, Name string }
			RequestObject any
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			t.Fatalf("not an event: %v: %s", err, lines.Bytes())
		}
		if strings.Contains(lines.Text(), "do-not-log") {
			t.Error("the log has the content of a Secret")
		}
		if event.User.Username == "admin" && event.Verb == "create" && event.Stage == "ResponseComplete" {
			seen[event.ObjectRef.Resource] = event.RequestObject != nil
		}
	}
	for resource, content := range map[string]bool{"namespaces": true, "deployments": true, "secrets": false} {
		if got, ok := seen[resource]; !ok || got != content {
			t.Errorf("creating %s: logged %v with content %v, want content %v", resource, ok, got, content)
		}
	}
}

func TestStartFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name    string
		ctx     context.Context
		options devcluster.Options
		want    string
	}{
		{"negative nodes", t.Context(), devcluster.Options{Nodes: -1}, "-1 nodes"},
		{"a port that is no port", t.Context(), devcluster.Options{Port: 70000}, "port 70000"},
		{"a port that is taken", t.Context(), devcluster.Options{Port: taken.Addr().(*net.TCPAddr).Port}, "address already in use"},
		{"a binary that is missing", t.Context(), devcluster.Options{Binary: "missing"}, "starting etcd"},
		{"a binary that is another program", t.Context(), devcluster.Options{Binary: "/bin/false"}, "ended unexpectedly (exit status 1)"},
		{"a cancelled context", cancelled, devcluster.Options{}, "context canceled"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			cluster, err := devcluster.Start(test.ctx, test.options)
			if err == nil {
				t.Fatal("it starts", cluster.Stop())
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error does not say %q: %v", test.want, err)
			}
			if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
