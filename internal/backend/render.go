package backend

import (
	"context"
	"os"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/dialect/argo/repository"
	"github.com/syncline-io/syncline/internal/edge/folder"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/edge/sops"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/source"
	"github.com/syncline-io/syncline/internal/engine/source/links"
	"github.com/syncline-io/syncline/internal/fetch"
	"github.com/syncline-io/syncline/internal/fetch/keyring"
	"github.com/syncline-io/syncline/internal/front/cli/access"
)

// Renderer renders without a cluster, confined as in the agent: what a repository
// holds is no more to be trusted on a person's machine. It satisfies [access.Renderer].
type Renderer struct {
	// Program is this program, of which the command render-worker renders.
	Program string
	// Getenv looks up an environment variable, of those by which sops finds its keys.
	Getenv func(name string) string
}

var _ access.Renderer = Renderer{}

// Render returns the objects in the order of the source.
func (r Renderer) Render(ctx context.Context, request access.RenderRequest) ([]syncline.Object, error) {
	pool := confined.NewPool(confined.Options{Command: []string{r.Program, "render-worker"}})
	defer pool.Close()
	tree, revision, done, err := openTree(ctx, request, keyring.NewOwn(r.Getenv))
	if err != nil {
		return nil, err
	}
	defer done()
	result, err := render.New(render.Confined{Pool: pool}, render.Options{MemoBytes: -1, Ciphertext: sops.HasCiphertext}).Render(ctx, render.Request{
		App: request.AppName, Dialect: convention.Dialect(), Project: request.Project, Namespace: request.Namespace,
		Source: request.Source, Revision: revision, Files: syncline.Files{Tree: tree}, ShowSecrets: request.ShowSecrets,
	})
	for _, warning := range result.Warnings {
		request.Warn(warning)
	}
	for _, file := range result.PassedOver {
		if request.PassedOver != nil {
			request.PassedOver(file.File, file.Why)
		}
	}
	return result.Objects, err
}

// openTree opens the folder or the revision that the request names, as the keys show it.
func openTree(ctx context.Context, request access.RenderRequest, keys source.Keys) (tree syncline.Tree, revision string, done func(), err error) {
	if request.Root != "" {
		files, err := folder.Open(request.Root)
		if err != nil {
			return nil, "", nil, err
		}
		tree = links.Confine(keys.Open(ctx, "", files))
		if _, err := source.Folder(tree, request.Source.Path); err != nil {
			_ = files.Close()
			return nil, "", nil, err
		}
		return tree, "", func() { _ = files.Close() }, nil
	}
	none := repository.NewStore()
	none.Where = "its address, as https://NAME:TOKEN@host/path, or render a folder of a clone"
	sources, err := temporarySources(&repository.Access{Store: none}, keys, true)
	if err != nil {
		return nil, "", nil, err
	}
	revision, err = sources.Resolve(ctx, syncline.App{}, request.Source, 0)
	if err == nil {
		tree, err = sources.Tree(ctx, syncline.App{}, request.Source, revision)
	}
	if err != nil {
		sources.done()
		return nil, "", nil, err
	}
	return tree, revision, sources.done, nil
}

// temporary reads repositories into a folder that done removes.
type temporary struct {
	*source.Stage
	resolver *source.Resolver
	store    *fetch.Stores
	done     func()
}

func temporarySources(access *repository.Access, keys source.Keys, allowLocal bool) (temporary, error) {
	dir, err := os.MkdirTemp("", "syncline-")
	if err != nil {
		return temporary{}, err
	}
	store, err := fetch.Open(git.Options{Dir: dir, AllowLocal: allowLocal})
	if err != nil {
		_ = os.RemoveAll(dir)
		return temporary{}, err
	}
	resolver := source.NewResolver(store.Fetchers(), source.Options{})
	return temporary{source.New(resolver, access, keys), resolver, store, func() {
		resolver.Close()
		_ = store.Close()
		_ = os.RemoveAll(dir)
	}}, nil
}
