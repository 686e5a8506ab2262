// Package oci reads artifacts and charts in OCI registries: it lists tags, asks what a
// tag stands for, and fetches the one layer of an artifact that holds its files. It does
// not decide which tag is wanted, runs nothing, and pushes nothing.
//
//	store := oci.New(oci.Options{Archives: archives})
//	tags, err := store.Tags(ctx, repo)             // a few requests
//	digest, err := store.Digest(ctx, repo, "1.2")  // one request
//	err = store.Fetch(ctx, repo, digest)           // nothing when it is there
//	tree, err := store.Tree(ctx, repo, digest)     // a syncline.Tree
//
// A digest names a manifest, and with it everything below: whatever is received is held
// against its digest. Credentials go to the registry of the repository, and to the
// server of tokens that it names if that is of its own domain or the repository's settings
// pass them on to it; what is asked for with them is a token that pulls from one
// repository. A server that we are redirected to gets neither. What a registry says for one
// repository, by whom tokens are given or that it is asked too often, concerns no other.
//
// It speaks the protocol itself, in the parts that it needs: what is read of an answer is
// bounded, and nothing of an answer gets into an error.
package oci
