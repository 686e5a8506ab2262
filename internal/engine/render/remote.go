package render

import (
	"context"
	"fmt"
	"maps"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// maxRemotes is how much a source may need from elsewhere, and so how deep what it needs
// may need more.
const maxRemotes = 64

// complete returns what a request comes to, with what it needs from elsewhere.
func (r *Renderer) complete(ctx context.Context, request Request) (outcome, error) {
	job := newJob(request)
	for given := 0; ; {
		made, err := r.make(ctx, request, job)
		if err != nil || made.err != nil || len(made.needs) == 0 {
			return made, err
		}
		if request.Remote == nil {
			return outcome{}, syncline.WithHint(syncline.Errorf(syncline.Denied, "%w, and nothing is fetched", made.needs), vendor(made.needs[0]))
		}
		before := given
		request.Files.Refs = maps.Clone(request.Files.Refs)
		for _, remote := range made.needs {
			if request.Files.Refs[remote.Ref()] != nil {
				continue
			}
			if given++; given > maxRemotes {
				return outcome{}, syncline.WithHint(
					syncline.Errorf(syncline.Invalid, "%s: more than %d repositories, charts and files are needed from elsewhere", remote.By, maxRemotes), vendor(remote))
			}
			if err := give(ctx, &request, remote); err != nil {
				return outcome{}, err
			}
		}
		if given == before {
			return outcome{}, syncline.Errorf(syncline.Internal, "what renders asks again for what it was given: %w", made.needs)
		}
	}
}

// vendor says how to do without what is elsewhere.
func vendor(remote upstream.Remote) string {
	if remote.Chart != "" {
		return "run `helm dependency build`, or `helm pull --untar`, and commit the charts folder"
	}
	return "copy the files into the repository"
}

// give adds what is needed to the files of a request.
func give(ctx context.Context, request *Request, remote upstream.Remote) error {
	tree, err := request.Remote(ctx, remote)
	if err != nil {
		return fmt.Errorf("%s: %w", remote.By, err)
	}
	if request.Files.Refs == nil {
		request.Files.Refs = map[string]syncline.Tree{}
	}
	request.Files.Refs[remote.Ref()] = tree
	return nil
}
