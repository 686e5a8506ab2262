package git

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A list of refs that is long waits for the one that is read, and a short one does not.
func TestLongListsAreReadOneAtATime(t *testing.T) {
	const line = "%040d\trefs/tags/v%d"
	for refs, want := range map[int]int{100: 0, 20_000: 1} {
		asked := 0
		reader := newRefsReader(4 << 20)
		reader.long = func() error { asked++; return nil }
		for i := range refs {
			if err := reader.read(fmt.Appendf(nil, line, 1, i)); err != nil {
				t.Fatal(err)
			}
		}
		if asked != want || len(reader.refs.Commits) != refs {
			t.Errorf("of %d refs %d are kept, after waiting %d times", refs, len(reader.refs.Commits), asked)
		}
	}
	reader := newRefsReader(4 << 20)
	reader.long = func() error { return context.Canceled }
	long := strings.Repeat("0", 40) + "\trefs/tags/" + strings.Repeat("v", longList)
	if err := reader.read([]byte(long)); !errors.Is(err, context.Canceled) {
		t.Errorf("it goes on without its place: %v", err)
	}
}

func TestThePlaceOfALongListIsGivenBack(t *testing.T) {
	places := make(chan struct{}, 1)
	first, second, late := &longPlace{places: places}, &longPlace{places: places}, &longPlace{places: places}
	if err := first.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := second.enter(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("there are two at once: %v", err)
	}
	first.leave()
	late.leave()
	if err := late.enter(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("who left has a place: %v", err)
	}
	second.leave()
	if len(places) != 0 {
		t.Error("the place is not given back")
	}
}
