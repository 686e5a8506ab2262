// Package helmrepo reads Helm repositories over http and https: which versions of which
// charts one offers, and their archives, which package archive keeps. It chooses no
// version, and renders nothing.
//
//	store := helmrepo.New(archives, helmrepo.Options{})
//	charts, err := store.Charts(ctx, repo)
//	err = store.Fetch(ctx, repo, from, charts["web"][0].Revision())
//	tree, err := store.Tree(ctx, repo, from, charts["web"][0].Revision())
//
// An index is read while it comes, and of it are kept name, version, digest and URL; it is
// asked for again with what the server said of it, and an answer that it is the same costs
// no reading. What is known of a repository, and who may have an archive, is known by the
// [upstream.Access] by which it was learned: whoever names the digest of what only others
// may read gets nothing.
//
// Credentials go to the repository's own scheme, host and port, and to the host of a chart
// that is elsewhere only if the source passes them on and the repository's settings name that
// host; never to where either redirects.
// No address is connected to at which services of the machine or the cloud answer; see
// package dial.
package helmrepo
