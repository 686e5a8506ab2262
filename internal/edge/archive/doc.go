// Package archive keeps what archives hold, by the digests of the archives, and shows
// each as a Tree. It asks no server, and knows nothing of charts or artifacts.
//
//	store, err := archive.Open(archive.Options{Dir: dir})
//	digest, err := store.Put(ctx, body, want)
//	tree, err := store.Tree(digest, "repository https://charts.example.com: chart web 1.2.3")
//
// An archive becomes one file: the contents one after the other, then an index of the
// entries, then the length of the index and its digest. So no name of an entry is ever a
// name on this machine's disk: nothing of an archive can be written to another place,
// names that differ in case only stay two, and an archive of many small files costs one.
// The file has another name while it is written, so that a crash leaves nothing half. What
// is read is held against the hash that was taken when it was unpacked.
//
// Everything in an archive was written by somebody else, and is bounded while it is read;
// see [Options]. Refused by its name is an entry that leads out of the archive, by its own
// path or by a link; that is neither a file, a folder nor a link; that comes twice; whose
// name has control characters or a backslash. Links within are kept as links.
package archive
