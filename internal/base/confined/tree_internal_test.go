package confined

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/source/treetest"
)

// TestRemoteTreeIsLikeEveryTree asks through a pipe, as a child process does.
func TestRemoteTreeIsLikeEveryTree(t *testing.T) {
	treetest.Run(t, treetest.Lacks{Refusals: true}, func(t testing.TB, content treetest.Content) syncline.Tree {
		return remote(t, memory(content))
	})
}

// TestLockedFilesComeAsTheyAre: who reads many files at once may do without the plaintext
// of some.
func TestLockedFilesComeAsTheyAre(t *testing.T) {
	tree := remote(t, locked{memory{Files: map[string]string{"a": "plain", "secret": "ciphertext"}}})
	reads := syncline.ReadFiles(tree, []string{"a", "secret", "none"})
	if string(reads[0].Data) != "plain" || reads[0].Err != nil {
		t.Errorf("%q, %v", reads[0].Data, reads[0].Err)
	}
	if err := reads[1].Err; string(reads[1].Data) != "ciphertext" || !errors.Is(err, syncline.ErrLocked) || errors.Is(err, fs.ErrNotExist) ||
		syncline.KindOf(err) != syncline.Invalid || syncline.HintOf(err) != "add a key" || err.Error() != "secret cannot be decrypted" {
		t.Errorf("%q, %v", reads[1].Data, err)
	}
	if err := reads[2].Err; errors.Is(err, syncline.ErrLocked) || !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if text, err := tree.ReadFile("secret"); text != nil || !errors.Is(err, syncline.ErrLocked) {
		t.Errorf("%q, %v", text, err)
	}
}

// locked is a tree in which one file cannot be decrypted.
type locked struct{ syncline.Tree }

func (l locked) ReadFile(name string) ([]byte, error) {
	text, err := l.Tree.ReadFile(name)
	if name == "secret" {
		err = syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s %w", name, syncline.ErrLocked), "add a key")
	}
	return text, err
}

// remote returns a tree as a child sees it.
func remote(t testing.TB, tree syncline.Tree) syncline.Tree {
	t.Helper()
	questions, ask := io.Pipe()
	answers, answer := io.Pipe()
	l := &link{out: bufio.NewWriter(ask), frames: make(chan frame)}
	go func() { _ = l.receive(t.Context(), answers) }()
	go func() {
		parent := &child{in: answer}
		for {
			kind, payload, err := readFrame(questions)
			if err != nil {
				return
			}
			if _, _, err := parent.react(kind, payload, Host{Files: syncline.Files{Tree: tree}}); err != nil {
				t.Errorf("the child would be ended: %v", err)
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = ask.Close()
		_ = answer.Close()
	})
	return newRemoteTree(l, "")
}

// memory is a tree of a content.
type memory treetest.Content

func (m memory) Stat(name string) (syncline.Entry, error) {
	entry := syncline.Entry{Name: path.Base(name)}
	for _, part := range []struct {
		texts map[string]string
		kind  syncline.EntryType
	}{{m.Files, syncline.EntryFile}, {m.Executables, syncline.EntryFile}, {m.Links, syncline.EntryLink}, {m.Submodules, syncline.EntrySubmodule}} {
		if text, ok := part.texts[name]; ok {
			entry.Type, entry.Hash = part.kind, "of "+text
			_, entry.Executable = m.Executables[name]
			return entry, nil
		}
	}
	if name == "" {
		return syncline.Entry{Type: syncline.EntryDir}, nil
	}
	if len(m.names(name)) == 0 {
		return syncline.Entry{}, syncline.Errorf(syncline.NotFound, "%s: %w", name, fs.ErrNotExist)
	}
	entry.Type = syncline.EntryDir
	return entry, nil
}

// names returns the sorted names in a folder.
func (m memory) names(folder string) []string {
	var names []string
	for _, texts := range []map[string]string{m.Files, m.Executables, m.Links, m.Submodules} {
		for at := range texts {
			if rest, below := strings.CutPrefix("/"+at, strings.TrimSuffix("/"+folder, "/")+"/"); below {
				name, _, _ := strings.Cut(rest, "/")
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (m memory) ReadFile(name string) ([]byte, error) {
	entry, err := m.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case entry.Type != syncline.EntryFile && entry.Type != syncline.EntryLink:
		return nil, syncline.Errorf(syncline.Invalid, "%s is no file", name)
	}
	return []byte(strings.TrimPrefix(entry.Hash, "of ")), nil
}

func (m memory) ReadDir(name string) ([]syncline.Entry, error) {
	entry, err := m.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case entry.Type != syncline.EntryDir:
		return nil, syncline.Errorf(syncline.Invalid, "%s is no folder", name)
	}
	var entries []syncline.Entry
	for _, child := range m.names(name) {
		entry, err := m.Stat(path.Join(name, child))
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}
