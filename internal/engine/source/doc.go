// Package source turns a Source into files: it resolves a target revision to a
// commit, and yields the commit's files, confined to their repository. It asks
// a repository for its refs once for all Apps, keeps asking at an interval, and
// says whose revisions moved. It speaks no protocol, knows no credentials but
// those it is given, and reads no file's meaning.
//
//	resolver := source.NewResolver(store, source.Options{Changed: markDirty, Uses: hasApps})
//	stage := source.New(resolver, store, credentials)
//	go resolver.Poll(ctx)
//	commit, err := stage.Resolve(ctx, app, src, 3*time.Minute)
//	tree, err := stage.Tree(ctx, app, src, commit)
package source
