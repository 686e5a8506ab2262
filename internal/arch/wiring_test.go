package arch

import (
	"bytes"
	"os"
	"testing"
)

// wiring is how many lines cmd/syncline may have, without tests: it joins the parts and
// decides nothing.
const wiring = 600

func TestCmdIsWiring(t *testing.T) {
	lines := 0
	eachFile(t, func(path, from string) {
		if from != "cmd/syncline" {
			return
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(text, []byte("\n"))
	})
	if lines == 0 || lines > wiring {
		t.Errorf("cmd/syncline has %d lines, want at most %d, and some", lines, wiring)
	}
}
