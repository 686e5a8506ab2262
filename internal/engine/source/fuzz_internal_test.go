package source

import (
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
)

// Whatever revision an App wants, and whatever tags there are.
func FuzzMatch(f *testing.F) {
	f.Add("1.x", "", "v1.2.3")
	f.Add(">=1.0.0 <2 || ~3.1 || ^999999999999999999999", "app-", "app-1.0.0-rc.1+x")
	f.Add("abcdef1", "", "refs/heads/x")
	f.Fuzz(func(t *testing.T, revision, prefix, tag string) {
		bound.Limits{}.Run(t, func() {
			refs := refsOf("refs/heads/main", map[string]string{"refs/heads/main": commitOf("1"), "refs/tags/" + tag: commitOf("2")})
			want := Target{Revision: revision, TagPrefix: prefix}
			if _, ok := match(refs, want); !ok {
				_ = newRefs(refs, "https://git.example.com/a").noMatch(want)
			}
		})
	})
}

// Whatever path a source has.
func FuzzFolder(f *testing.F) {
	f.Add("a/../../b")
	f.Add("//a/./b/\x00")
	f.Fuzz(func(t *testing.T, path string) {
		bound.Limits{}.Run(t, func() {
			_, _ = Folder(emptyTree{}, path)
		})
	})
}

// emptyTree has a folder of one file.
type emptyTree struct{}

func (emptyTree) Stat(path string) (syncline.Entry, error) {
	if path == "" {
		return syncline.Entry{}, nil
	}
	return syncline.Entry{}, syncline.Errorf(syncline.NotFound, "there is no %q", path)
}

func (emptyTree) ReadFile(path string) ([]byte, error) {
	return nil, syncline.Errorf(syncline.NotFound, "there is no %q", path)
}

func (emptyTree) ReadDir(string) ([]syncline.Entry, error) {
	return []syncline.Entry{{Name: "deploy"}}, nil
}
