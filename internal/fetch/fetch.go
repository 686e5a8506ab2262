// Package fetch joins the kinds of source with the edges that read them: Git, Helm
// repositories, OCI registries, buckets and single files. It decides nothing.
package fetch

import (
	"cmp"
	"errors"
	"path/filepath"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/bucket"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/edge/helmrepo"
	"github.com/syncline-io/syncline/internal/edge/oci"
	"github.com/syncline-io/syncline/internal/edge/signature/cosign"
	"github.com/syncline-io/syncline/internal/edge/token"
	"github.com/syncline-io/syncline/internal/edge/webfile"
	"github.com/syncline-io/syncline/internal/engine/signed"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// Stores keep what was fetched, in one folder.
type Stores struct {
	git        *git.Store
	charts     *helmrepo.Store
	registries *oci.Store
	files      *webfile.Store
	buckets    *bucket.Store
}

// Open opens the stores in the folder that options of Git name. What they say of
// addresses and reasons is said of all kinds.
func Open(options git.Options) (*Stores, error) {
	options.Tokens = token.New(token.Options{AllowAddresses: options.AllowAddresses})
	mirrors, err := git.Open(options)
	if err != nil {
		return nil, err
	}
	archives, err := archive.Open(archive.Options{Dir: filepath.Join(options.Dir, "archives")})
	if err != nil {
		return nil, errors.Join(err, mirrors.Close())
	}
	return &Stores{
		git:        mirrors,
		charts:     helmrepo.New(archives, helmrepo.Options{Addresses: dial.Gate{Allow: options.AllowAddresses}, HideReasons: options.HideReasons}),
		registries: oci.New(oci.Options{Archives: archives, AllowAddresses: options.AllowAddresses, HideReasons: options.HideReasons}),
		files:      webfile.New(webfile.Options{Archives: archives, Addresses: dial.Gate{Allow: options.AllowAddresses}, HideReasons: options.HideReasons}),
		buckets: bucket.New(bucket.Options{
			Archives: archives, Tokens: options.Tokens, AllowAddresses: options.AllowAddresses, HideReasons: options.HideReasons,
		}),
	}, nil
}

// Fetchers returns what reads each kind of source.
func (s *Stores) Fetchers() source.Fetchers {
	return source.Fetchers{
		syncline.SourceGit:    source.NewGit(s.git, s.git),
		syncline.SourceHelm:   source.NewHelm(s.charts, s.charts),
		syncline.SourceOCI:    source.NewOCI(s.registries, s.registries),
		syncline.SourceBucket: source.NewBucket(s.buckets, s.buckets),
		syncline.SourceFile:   source.NewFile(s.files, s.files),
	}
}

// Signed returns what the sources of a Stage hold, whose Resolver and Credentials these
// are, once it is signed as the projects and the sources demand, by keys.
func (s *Stores) Signed(resolver *source.Resolver, credentials source.Credentials, stage *source.Stage, projects signed.Projects, keys *Keys) *signed.Sources {
	return &signed.Sources{
		Stage: stage, Resolver: resolver, Credentials: credentials,
		Projects: projects, Repositories: s.git, Keys: keys, Artifacts: artifacts{s.registries},
	}
}

// artifacts satisfies [signed.Artifacts].
type artifacts struct{ *oci.Store }

// Signers reads a rule, which has its keys with it.
func (artifacts) Signers(rule signing.Artifact) (signed.Signers, error) {
	signers, err := cosign.Read(rule)
	if err == nil {
		return signers, nil
	}
	err = syncline.Errorf(syncline.Invalid, "%s: %w", rule.Field, err)
	return nil, syncline.WithHint(err, cmp.Or(syncline.HintOf(err),
		"give public keys in PEM, and as trusted root the file that cosign trusted-root create writes"))
}

// Close ends what is under way.
func (s *Stores) Close() error {
	return errors.Join(s.charts.Close(), s.registries.Close(), s.buckets.Close(), s.git.Close())
}
