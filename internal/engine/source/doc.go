// Package source turns a Source into files: it resolves what the Source wants to a
// revision, and yields the revision's files, confined to their repository. It asks
// a repository what it has once for all Apps, keeps asking at an interval, and
// says whose revisions moved. It speaks no protocol, knows no credentials but
// those it is given, and reads no file's meaning.
//
//	fetchers := source.Fetchers{syncline.SourceGit: source.NewGit(store, store)}
//	resolver := source.NewResolver(fetchers, source.Options{Changed: markDirty, Uses: hasApps})
//	stage := source.New(resolver, credentials)
//	go resolver.Poll(ctx)
//	revision, err := stage.Resolve(ctx, app, src, 3*time.Minute)
//	tree, err := stage.Tree(ctx, app, src, revision)
//
// Each kind of source has a [Fetcher]. What is its own, such as what a revision is
// called and how one is found in what a server lists, is there: [Git] and the refs of
// git.go and match.go are the first. All else is the same for every kind, and written
// once. The packages fetchertest and treetest say what a Fetcher and its Trees have to
// be like.
package source
