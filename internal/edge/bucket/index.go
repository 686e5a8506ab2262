package bucket

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/ignore"
)

// object is one as it was listed.
type object struct {
	key  string
	etag string // without quotes
	size int64
}

// index is what a bucket had that is meant, at one moment.
type index struct {
	// objects are sorted by key.
	objects  []object
	revision string
	// root is what the file with patterns at the root of the bucket says.
	root string
}

// longestKey is how long a key may be, in bytes, as in S3 and in Azure.
const longestKey = 1024

// etagForm is that of an entity tag without its quotes. It has no space, so that a line of
// what is digested reads in one way.
var etagForm = regexp.MustCompile(`^[\x21\x23-\x7e]{1,256}$`)

// newIndex returns the index of objects that are meant, and refuses what cannot be a tree
// of files.
func newIndex(objects []object, root string) (*index, error) {
	slices.SortFunc(objects, func(a, b object) int { return cmp.Compare(a.key, b.key) })
	sum := sha256.New()
	for i, o := range objects {
		switch err := checkKey(o.key); {
		case err != nil:
			return nil, err
		case i > 0 && o.key == objects[i-1].key:
			return nil, syncline.Errorf(syncline.Transient, "object %s was listed twice: the bucket changed while it was listed", shownKey(o.key))
		case !etagForm.MatchString(o.etag):
			return nil, syncline.Errorf(syncline.Invalid, "object %s was listed without an entity tag: its server does not say when it changes", shownKey(o.key))
		}
		fmt.Fprintf(sum, "%s %s\n", o.key, o.etag)
	}
	return &index{objects: slices.Clip(objects), root: root, revision: "sha256:" + hex.EncodeToString(sum.Sum(nil))}, nil
}

// checkKey refuses a key that is no path of a file. What two keys make together, such as a
// file that is a folder as well, is refused when they are put into an archive.
func checkKey(key string) error {
	var problem string
	switch {
	case len(key) > longestKey:
		problem = fmt.Sprintf("has a key of %d bytes: at most %d are read", len(key), longestKey)
	case !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl):
		problem = "has a key with control characters, or that is not UTF-8"
	case strings.Contains(key, `\`):
		problem = "has a key with a backslash"
	case strings.HasPrefix(key, "/"):
		problem = "has a key that begins with /"
	case key == "." || path.Clean(key) != key || strings.HasPrefix(key+"/", "../"):
		problem = "has a key with an empty part, or with . or .. as one"
	default:
		return nil
	}
	return syncline.WithHint(syncline.Errorf(syncline.Invalid, "object %s %s", shownKey(key), problem), "rename it, or leave it out by a pattern in "+ignore.File)
}

// shownKey is how a message calls an object.
func shownKey(key string) string {
	const shown = 200
	if len(key) > shown {
		return fmt.Sprintf("%.*q…", shown, key)
	}
	return fmt.Sprintf("%q", key)
}

// find returns an object by its key.
func (x *index) find(key string) (object, bool) {
	i, found := slices.BinarySearchFunc(x.objects, key, func(o object, key string) int { return cmp.Compare(o.key, key) })
	if !found {
		return object{}, false
	}
	return x.objects[i], true
}

// isFolder reports whether an object only stands for a folder.
func isFolder(key string) bool { return strings.HasSuffix(key, "/") }
