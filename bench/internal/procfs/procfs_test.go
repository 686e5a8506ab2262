package procfs_test

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/syncline-io/syncline/bench/internal/procfs"
)

// TestMain makes the test program a child that uses so many MiB and one that
// starts such a child, or runs the tests.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "use" {
		use(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

// use takes memory and half a second of processor time, starts another process
// that does the same, says so, and waits for its input to end.
func use(depth string) {
	taken := bytes.Repeat([]byte{1}, size)
	for began := time.Now(); time.Since(began) < spent; {
		for i := range taken {
			taken[i]++
		}
	}
	if n, _ := strconv.Atoi(depth); n > 0 {
		child := exec.Command(os.Args[0], "use", strconv.Itoa(n-1))
		child.Stdin, child.Stdout = os.Stdin, os.Stdout
		_ = child.Run()
	} else {
		_, _ = os.Stdout.WriteString("ready\n")
		_, _ = os.Stdin.Read(taken[:1])
	}
	_ = taken[0]
}

const (
	size  = 64 << 20
	spent = 500 * time.Millisecond
)

func TestTreeCountsDescendants(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "use", "2")
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	before, err := procfs.MachineCPU()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = input.Close()
		_ = command.Wait()
	}()
	if _, err := output.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	tree := procfs.Tree{PID: command.Process.Pid}
	sampler := procfs.Sample(procfs.Forest{tree})
	used, err := tree.CPU()
	if err != nil || used < spent {
		t.Errorf("three processes used %s of processor time (%v)", used, err)
	}
	if all, err := procfs.MachineCPU(); err != nil || all-before < used-spent/10 {
		t.Errorf("everything used %s of processor time, and three of the processes %s (%v)", all-before, used, err)
	}
	now, err := tree.Memory()
	if err != nil || now < 3*size || now > 5*size {
		t.Errorf("three processes occupy %d MiB (%v)", now>>20, err)
	}
	if peak := sampler.Stop(); peak < 3*size || peak > 5*size {
		t.Errorf("the peak is %d MiB", peak>>20)
	}
}

func TestTreeThatIsGone(t *testing.T) {
	command := exec.Command("true")
	if err := command.Run(); err != nil {
		t.Fatal(err)
	}
	tree := procfs.Tree{PID: command.Process.Pid}
	if _, err := tree.CPU(); err == nil {
		t.Error("a process that is gone used processor time")
	}
	if _, err := tree.Memory(); err == nil {
		t.Error("a process that is gone occupies memory")
	}
}
