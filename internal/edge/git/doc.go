// Package git reads Git repositories: it lists their refs, fetches commits into
// bare mirrors and shows the files of any number of commits at once, straight
// from the object database. It makes no checkout, does not decide which revision
// is wanted, and trusts nothing that a repository holds: its hooks, filters
// and configuration never take effect. Submodules are shown where a repository says how
// others are reached, and what pointers of Git LFS stand for where it says so.
//
//	store, err := git.Open(git.Options{Dir: cache})
//	refs, err := store.Refs(ctx, repo)                    // one request
//	err = store.Fetch(ctx, repo, commit, "refs/heads/main") // nothing when it is there
//	tree, err := store.Tree(ctx, repo, commit)            // a syncline.Tree
//
// The git program does the transport and reads the objects. It is run in this
// package only, by argument vector, in an environment made from nothing, with
// credentials in that environment alone: they are never in an argument, an
// address or a file.
package git
