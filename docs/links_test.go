// Package docs_test holds the documentation against the tree: what it links to exists.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenced  = regexp.MustCompile("(?s)```.*?```")
	// dropped is what an anchor leaves out of a heading.
	dropped = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

func TestLinksLeadSomewhere(t *testing.T) {
	count := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{"node_modules", "testdata", "bin", ".git"}, entry.Name()):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range link.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
			count++
			check(t, path, match[1])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count < 20 {
		t.Errorf("only %d links were found", count)
	}
}

func check(t *testing.T, from, to string) {
	t.Helper()
	if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
		return
	}
	file, anchor, _ := strings.Cut(to, "#")
	target := from
	if file != "" {
		target = filepath.Join(filepath.Dir(from), filepath.FromSlash(file))
	}
	text, err := os.ReadFile(target)
	if _, statErr := os.Stat(target); statErr != nil {
		t.Errorf("%s links to %s, which does not exist", from, to)
		return
	}
	if anchor != "" && (err != nil || !slices.Contains(anchors(string(text)), anchor)) {
		t.Errorf("%s links to %s, which has no such heading", from, to)
	}
}

// anchors are the names under which GitHub makes the headings of a page reachable.
func anchors(text string) []string {
	var all []string
	for _, match := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		all = append(all, strings.ReplaceAll(strings.ToLower(dropped.ReplaceAllString(match[1], "")), " ", "-"))
	}
	return all
}
