package render

import (
	"bytes"

	"github.com/syncline-io/syncline"
)

// pointers are how files begin that stand for content elsewhere.
var pointers = []struct{ begin, what, hint string }{
	{"version https://git-lfs.github.com/spec/", "a pointer of Git LFS, which is not fetched", lfsHint},
	{"version https://hawser.github.com/spec/", "a pointer of Git LFS, which is not fetched", lfsHint},
	{"/annex/objects/", "a pointer of git-annex, which is not fetched", "commit the file itself"},
	{"\x00GITCRYPT\x00", "encrypted by git-crypt, and there is no key", "commit it in another form, such as a SealedSecret"},
}

const lfsHint = "enable Git LFS in the repository's settings, or commit the file itself: take it out of .gitattributes, then run `git add --renormalize`"

// maxPointer is how long such a file is at most, but for an encrypted one.
const maxPointer = 32 << 10

// present shows a tree whose files are what they seem to be: one that stands for
// content elsewhere is an Invalid error that is [syncline.ErrElsewhere].
type present struct{ syncline.Tree }

// allPresent returns the files so.
func allPresent(files syncline.Files) syncline.Files {
	shown := syncline.Files{Tree: present{files.Tree}}
	if files.Refs != nil {
		shown.Refs = map[string]syncline.Tree{}
	}
	for ref, tree := range files.Refs {
		shown.Refs[ref] = present{tree}
	}
	return shown
}

var (
	_ syncline.Prefetcher = present{}
	_ syncline.ManyReader = present{}
)

// Prefetch passes on what is about to be looked at.
func (p present) Prefetch(ahead syncline.Prefetch) { ahead.From(p.Tree) }

// ReadFile reads a file.
func (p present) ReadFile(path string) ([]byte, error) {
	text, err := p.Tree.ReadFile(path)
	if err == nil {
		err = elsewhere(path, text)
	}
	return text, err
}

// ReadFiles reads many files.
func (p present) ReadFiles(paths []string) []syncline.FileRead {
	reads := syncline.ReadFiles(p.Tree, paths)
	for i := range reads {
		if reads[i].Err == nil {
			reads[i].Err = elsewhere(paths[i], reads[i].Data)
		}
	}
	return reads
}

// elsewhere returns an error when the text of a file only stands for content.
func elsewhere(path string, text []byte) error {
	for _, pointer := range pointers {
		if bytes.HasPrefix(text, []byte(pointer.begin)) && (len(text) <= maxPointer || pointer.begin[0] == 0) {
			return syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "%s %w: it is %s", path, syncline.ErrElsewhere, pointer.what), pointer.hint)
		}
	}
	return nil
}
