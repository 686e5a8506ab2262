package source

import (
	"context"
	"fmt"
	"hash/maphash"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// HelmServer is what there is to ask a Helm repository's server.
type HelmServer interface {
	// Charts returns what the repository offers, for those of [demand.Of]. Its errors name
	// the repository. It gives up by itself when there is no answer.
	Charts(ctx context.Context, repo upstream.Repository) (upstream.Charts, error)
	Forgetter
}

// HelmArchives keep revisions of charts, by [upstream.ChartVersion.Revision].
type HelmArchives interface {
	// Fetch makes a revision of the source's chart present.
	Fetch(ctx context.Context, repo upstream.Repository, from syncline.Source, revision string) error
	// Tree shows the files of a revision that is present.
	Tree(ctx context.Context, repo upstream.Repository, from syncline.Source, revision string) (syncline.Tree, error)
}

// Helm is the Fetcher of charts of Helm repositories. A [Revision] of it is a version with
// what identifies its content, as in "1.2.3@sha256:…": a version that is published anew with
// another content is another revision. What target revisions mean is said at
// [offered.Resolve].
type Helm struct {
	server   HelmServer
	archives HelmArchives
}

var (
	_ Fetcher   = (*Helm)(nil)
	_ Forgetter = (*Helm)(nil)
	_ Listing   = (*offered)(nil)
)

// NewHelm returns the Fetcher of charts of Helm repositories.
func NewHelm(server HelmServer, archives HelmArchives) *Helm {
	return &Helm{server: server, archives: archives}
}

// Known knows a revision by its full name, which stands for itself. It refuses what is no
// version and no constraint, and what is too long to be looked for.
func (h *Helm) Known(want Target) (Revision, error) {
	if _, content := upstream.CutChart(want.Revision); content != "" {
		return Revision{ID: want.Revision}, nil
	}
	if len(want.Revision) > longestTarget {
		return Revision{}, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "targetRevision has %d bytes: more than %d are not looked for", len(want.Revision), longestTarget),
			"name a version or a shorter constraint")
	}
	_, err := constraintOf(want.Revision)
	return Revision{}, err
}

// constraintOf reads a target revision, of which nothing means the latest that is stable.
func constraintOf(revision string) (*semver.Constraints, error) {
	if revision == "" {
		revision = "*"
	}
	constraint, err := semver.NewConstraint(revision)
	if err != nil {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "targetRevision %q is no version of a chart and no constraint of versions", revision),
			`name a version such as "1.2.3" or a constraint such as "^1.2"`)
	}
	return constraint, nil
}

// Scope is nothing: an index tells of all charts.
func (*Helm) Scope(Target) Target { return Target{} }

// List lists what the repository offers.
func (h *Helm) List(ctx context.Context, repo upstream.Repository, _ Target) (Listing, error) {
	charts, err := h.server.Charts(ctx, repo)
	if err != nil {
		return nil, err
	}
	return newOffered(charts, repo.Address.String()), nil
}

// Forget forgets what it offers.
func (h *Helm) Forget(repo upstream.Repository) { h.server.Forget(repo) }

// Fetch makes a revision of a chart present.
func (h *Helm) Fetch(ctx context.Context, repo upstream.Repository, from syncline.Source, revision Revision) error {
	return h.archives.Fetch(ctx, repo, from, revision.ID)
}

// Tree shows the files of a chart.
func (h *Helm) Tree(ctx context.Context, repo upstream.Repository, from syncline.Source, revision Revision) (syncline.Tree, error) {
	return h.archives.Tree(ctx, repo, from, revision.ID)
}

// offered is what a Helm repository offered at one moment.
type offered struct {
	charts upstream.Charts
	// address is that of the repository, for messages.
	address string
	digest  uint64
	size    int
}

func newOffered(charts upstream.Charts, address string) *offered {
	o := &offered{charts: charts, address: address, size: 1}
	var sum maphash.Hash
	sum.SetSeed(seed)
	for name, versions := range charts {
		sum.Reset()
		_, _ = sum.WriteString(name)
		for _, v := range versions {
			for _, text := range []string{"\n", v.Version, " ", v.URL, " "} {
				_, _ = sum.WriteString(text)
			}
			_, _ = sum.Write(v.Content[:])
		}
		o.digest += sum.Sum64() // in whatever order
	}
	const entry = 150 // bytes, as a Size is counted
	o.size += charts.Bytes() / entry
	return o
}

// Digest is that of the names, versions, URLs and contents of all charts: of nothing else
// that an index says.
func (o *offered) Digest() uint64 { return o.digest }

// Size is that of the names, versions and URLs.
func (o *offered) Size() int { return o.size }

// Resolve finds the version of a chart that a target names. The rules are Helm's:
//
//   - The version that is written so.
//   - Else the highest that fulfils the constraint: "1.2" is one, "v1.2.3" is also fulfilled
//     by "1.2.3", and build metadata do not count.
//   - Nothing means "*". A pre-release fulfils only a constraint that has one, as ">0.0.0-0".
func (o *offered) Resolve(ctx context.Context, want Target) (Revision, error) {
	versions, known := o.charts[want.Chart]
	if !known || len(versions) == 0 {
		return Revision{}, syncline.WithHint(
			syncline.Errorf(syncline.NotFound, "repository %s has no chart %q", o.address, want.Chart), o.like(want.Chart))
	}
	for _, v := range versions {
		if v.Version == want.Revision {
			return Revision{ID: v.Revision()}, nil
		}
	}
	if constraint, err := constraintOf(want.Revision); err == nil {
		for i, v := range versions { // the highest first
			if i%1000 == 999 && ctx.Err() != nil {
				return Revision{}, ctx.Err()
			}
			if number, err := semver.NewVersion(v.Version); err == nil && constraint.Check(number) {
				return Revision{ID: v.Revision()}, nil
			}
		}
	}
	return Revision{}, syncline.WithHint(
		syncline.Errorf(syncline.NotFound, "repository %s: chart %q has no version %q", o.address, want.Chart, want.Revision),
		fmt.Sprintf("its highest is %q%s", versions[0].Version, ifPrerelease(versions[0].Version)))
}

func ifPrerelease(version string) string {
	if number, err := semver.NewVersion(version); err == nil && number.Prerelease() != "" {
		return `, a pre-release, which only a constraint with one is fulfilled by, as ">0.0.0-0"`
	}
	return ""
}

// like says which charts have a name like one that is not there, or how many there are.
func (o *offered) like(chart string) string {
	found := ""
	for name := range o.charts {
		if strings.EqualFold(name, chart) || strings.HasSuffix(chart, "/"+name) {
			found = max(found, name)
		}
	}
	if found != "" {
		return fmt.Sprintf("it has chart %q", found)
	}
	return fmt.Sprintf("check the name: it has %d charts", len(o.charts))
}
