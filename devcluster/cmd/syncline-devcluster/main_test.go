package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/syncline-io/syncline/devcluster/internal/component"
)

// patience is how long a test waits for what takes a second or two.
const patience = 2 * time.Minute

// asProgram is set for this test binary to be the program.
const asProgram = "SYNCLINE_DEVCLUSTER_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if component.Requested(os.Args[1:]) || os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestRunAnswersRequests(t *testing.T) {
	p := start(t, "run", "--audit")
	cluster := p.started()
	if _, err := os.Stat(cluster.AuditLog); err != nil {
		t.Error(err)
	}
	for _, step := range []struct {
		request, err string
		listens      bool
	}{
		{"stop-apiserver", "", false},
		{"dance", `unknown request "dance"`, false},
		{"start-apiserver", "", true},
	} {
		fmt.Fprintln(p.input, step.request)
		var got answer
		p.decode(&got)
		if got.Request != step.request || !strings.Contains(got.Error, step.err) || (got.Error != "") != (step.err != "") {
			t.Errorf("%s is answered %+v, want error %q", step.request, got, step.err)
		}
		if listens := dial(cluster) == nil; listens != step.listens {
			t.Errorf("after %s the API server listens: %v, want %v", step.request, listens, step.listens)
		}
	}
	p.input.Close()
	p.ends(0)
	leavesNothing(t, cluster)
}

func TestKilledProgramLeavesNothing(t *testing.T) {
	p := start(t, "run")
	cluster := p.started()
	if err := p.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	leavesNothing(t, cluster)
}

func TestClosedInputEndsAStartingCluster(t *testing.T) {
	p := start(t, "run")
	p.input.Close()
	p.ends(1)
	if !strings.Contains(p.errors.String(), "context canceled") {
		t.Errorf("it says %s", p.errors.String())
	}
}

func TestCrashedPartEndsTheProgram(t *testing.T) {
	p := start(t, "run", "--name", "doomed")
	cluster := p.started()
	if err := syscall.Kill(cluster.PIDs["kube-controller-manager"], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.ends(1)
	if want := "cluster doomed: kube-controller-manager ended unexpectedly"; !strings.Contains(p.errors.String(), want) {
		t.Errorf("it does not say %q but %s", want, p.errors.String())
	}
	leavesNothing(t, cluster)
}

func TestUpTellsHowToUseItUntilInterrupted(t *testing.T) {
	kubeconfig := t.TempDir() + "/folder/kubeconfig"
	p := start(t, "up", "--kubeconfig", kubeconfig)
	for text := ""; !strings.Contains(text, "Ctrl-C ends the cluster."); {
		line, err := p.output.ReadString('\n')
		if text += line; err != nil {
			t.Fatalf("it ends (%v) after saying %s %s", err, text, p.errors.String())
		}
		if strings.Contains(line, "export") && strings.TrimSpace(line) != "export KUBECONFIG="+kubeconfig {
			t.Errorf("it tells to %s", line)
		}
	}
	if _, err := os.Stat(kubeconfig); err != nil {
		t.Error(err)
	}
	if err := p.command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	p.ends(0)
	if _, err := os.Stat(kubeconfig); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the kubeconfig is still there (%v)", err)
	}
}

func TestWrongUseIsExplained(t *testing.T) {
	for args, want := range map[string]string{
		"up --nodes many":  `invalid argument "many"`,
		"up --nodes=-2":    "-2 nodes",
		"up stairs":        `unknown command "stairs"`,
		"down":             `unknown command "down"`,
		"component dancer": `no component is named "dancer"`,
	} {
		output, err := program(t, strings.Fields(args)...).CombinedOutput()
		if err == nil || !bytes.Contains(output, []byte(want)) {
			t.Errorf("%s: %v, it does not say %q but %s", args, err, want, output)
		}
	}
}

// running is a running syncline-devcluster.
type running struct {
	t       *testing.T
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
	errors  bytes.Buffer // complete when it has ended
}

func program(t *testing.T, args ...string) *exec.Cmd {
	command := exec.Command(os.Args[0], args...)
	command.Env = append(os.Environ(), asProgram+"=1", "TMPDIR="+t.TempDir())
	return command
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	p := &running{t: t, command: program(t, args...)}
	p.command.Stderr = &p.errors
	input, err := p.command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.input, p.output = input, bufio.NewReader(output)
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.command.Process.Kill() })
	return p
}

func (p *running) decode(out any) {
	p.t.Helper()
	line, err := p.output.ReadBytes('\n')
	if err != nil {
		_ = p.command.Wait()
		p.t.Fatalf("it ends instead of writing a line: %s", p.errors.String())
	}
	if err := json.Unmarshal(line, out); err != nil {
		p.t.Fatalf("%v: %s", err, line)
	}
}

func (p *running) started() started {
	p.t.Helper()
	var cluster started
	p.decode(&cluster)
	if err := dial(cluster); err != nil {
		p.t.Fatal(err)
	}
	return cluster
}

func (p *running) ends(code int) {
	p.t.Helper()
	_, _ = io.Copy(io.Discard, p.output)
	_ = p.command.Wait()
	if got := p.command.ProcessState.ExitCode(); got != code {
		p.t.Errorf("it ends with code %d, want %d: %s", got, code, p.errors.String())
	}
}

func dial(cluster started) error {
	connection, err := net.Dial("tcp", strings.TrimPrefix(cluster.Server, "https://"))
	if err == nil {
		connection.Close()
	}
	return err
}

func leavesNothing(t *testing.T, cluster started) {
	t.Helper()
	for name, pid := range cluster.PIDs {
		eventually(t, name+" has ended", func() bool { return ended(pid) })
	}
	eventually(t, "the data folder is gone", func() bool {
		_, err := os.Stat(cluster.DataDir)
		return errors.Is(err, fs.ErrNotExist)
	})
	if dial(cluster) == nil {
		t.Error("the port is still listened on")
	}
}

// ended is also true for a process that nobody has waited for yet, which its new parent may take its time to do.
func ended(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(stat, []byte(") Z "))
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("it does not come true that %s", what)
		}
	}
}
