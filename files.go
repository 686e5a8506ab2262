package syncline

// Files is all that one render may read: the files of its source, and those of
// other sources that it names. Links are resolved already, and none leaves its
// repository.
type Files struct {
	// Tree holds the repository of the source that is rendered.
	Tree
	// Refs holds the repositories of other sources by [Source.Ref], and by the names of
	// package upstream what is in none.
	Refs map[string]Tree
}

// ReadFiles reads many files of Tree; see the function of that name.
func (f Files) ReadFiles(paths []string) []FileRead { return ReadFiles(f.Tree, paths) }

// Prefetch announces what is about to be looked at in Tree.
func (f Files) Prefetch(ahead Prefetch) { ahead.From(f.Tree) }

var (
	_ ManyReader = Files{}
	_ Prefetcher = Files{}
)

// Manifest is YAML or JSON text of any number of documents, as a file holds it
// or a tool makes it. Origin says where it is from, such as "apps/web/all.yaml".
type Manifest struct {
	Origin string
	Text   []byte
}
