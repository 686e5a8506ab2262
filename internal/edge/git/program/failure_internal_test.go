package program

import (
	"context"
	"os"
	"os/exec"
	"testing"
)

// TestFailureOfTheIndexer tells the limit of a pack, in the forms that git has for
// it, from what else ends the process that stores packs.
func TestFailureOfTheIndexer(t *testing.T) {
	for messages, want := range map[string]Cause{
		"fatal: fetch-pack: invalid index-pack output\n":                                                   TooLarge,
		"fatal: write error: File too large\nfatal: fetch-pack: invalid index-pack output\n":               TooLarge,
		"error: index-pack died of signal 25\nfatal: index-pack failed\n":                                  TooLarge,
		"fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output\n":      unknown,
		"fatal: early EOF\nfatal: fetch-pack: invalid index-pack output\n":                                 outside,
		"fatal: pack has bad object at offset 12: inflate\nfatal: fetch-pack: invalid index-pack output\n": Damaged,
	} {
		if got := (&Failure{messages: messages, err: &exec.ExitError{ProcessState: &os.ProcessState{}}}).Cause(); got != want {
			t.Errorf("%q: %s, want %s", messages, got, want)
		}
	}
	if got := (&Failure{messages: "fatal: " + silentIndexer, err: context.Canceled}).Cause(); got != unknown {
		t.Errorf("ended by us: %s", got)
	}
}
