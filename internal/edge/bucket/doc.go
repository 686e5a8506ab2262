// Package bucket reads objects in buckets: it lists those that are meant, which makes a
// revision, and fetches the ones that changed. It does not decide when, and writes nothing
// to a bucket.
//
//	store := bucket.New(bucket.Options{Archives: archives})
//	revision, err := store.Revision(ctx, repo, objects)    // a request for each 1,000 objects
//	err = store.Fetch(ctx, repo, objects, revision)        // nothing when it is there
//	tree, err := store.Tree(ctx, repo, objects, revision)  // a syncline.Tree
//
// A revision is the digest of keys and entity tags. Each object is asked for by its tag,
// and what changed meanwhile is a Transient error: a revision is there as a whole, or not
// at all. What is received is held against its size, and against each digest that its
// server gives.
//
// It speaks the protocols of S3 and of Azure Blob Storage itself, in the parts that it
// needs: what is read of an answer is bounded, nothing of an answer gets into an error but
// keys, and no redirect is followed. So credentials go to the server of the bucket alone,
// and what they go into, a signature, is good for one request.
package bucket
