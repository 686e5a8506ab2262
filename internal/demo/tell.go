package demo

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
)

// stateWidth leaves room for the time and the name on a line of 120 characters.
const stateWidth = 84

// howToLook tells what to paste into another terminal.
func (s *stage) howToLook() {
	program, err := filepath.Abs(s.options.Syncline)
	if err != nil {
		program = s.options.Syncline
	}
	s.say.block(fmt.Sprintf(`
    Look at it in another terminal:

      export KUBECONFIG=%s
      %[2]s app list --watch
      %[2]s app get waves
      %[2]s app diff podinfo
      kubectl get applications -n %[3]s

    and change it:

      git clone %[4]s %[5]s   # edit, commit, push

`, s.cluster.Kubeconfig, program, controlNamespace, s.repo.Dir, filepath.Join(s.folder, "work")))
}

// narrate tells each change of an Application's state, until ctx ends.
func (s *stage) narrate(ctx context.Context) {
	done := make(chan struct{})
	s.closing(func(context.Context) error { s.fail(nil); <-done; return nil })
	go func() {
		defer close(done)
		told := map[string]string{}
		for {
			seen, changed := s.eyes.now()
			now := appStates(seen)
			for _, name := range slices.Sorted(maps.Keys(now)) {
				if now[name] != told[name] {
					s.say.sayf("  %-20s %s", name, now[name])
				}
			}
			for name := range told {
				if _, ok := now[name]; !ok {
					s.say.sayf("  %-20s is gone", name)
				}
			}
			told = now
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
}

// appStates is one line about each Application.
func appStates(seen view) map[string]string {
	states := map[string]string{}
	for object, u := range seen {
		if object.resource == applications() {
			states[object.name.Name] = cut(stateOf(u).String(), stateWidth)
		}
	}
	return states
}

// cut shortens a line that would wrap on a terminal.
func cut(line string, width int) string {
	if runes := []rune(line); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return line
}

// stay keeps everything running until ctx ends.
func (s *stage) stay(ctx context.Context) {
	s.say.title("everything keeps running; Ctrl-C ends it and leaves nothing behind")
	s.howToLook()
	<-ctx.Done()
}
