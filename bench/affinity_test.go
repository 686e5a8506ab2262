package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// TestMain makes the test program one that confines itself to one processor and
// says how many it has, or runs the tests.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "confined" {
		if err := confine(1); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		fmt.Fprint(os.Stdout, runtime.NumCPU())
		return
	}
	os.Exit(m.Run())
}

func TestConfinedProcessHasOneProcessor(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command(program, "confined").CombinedOutput()
	if err != nil || string(output) != "1" {
		t.Errorf("it has %q processors (%v)", output, err)
	}
}
