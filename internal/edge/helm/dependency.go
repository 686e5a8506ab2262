package helm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/ignore"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// addMissing adds the dependencies of a chart that are not in its charts folder, as
// `helm dependency build` does: in the versions of Chart.lock, else the highest that
// Chart.yaml means. It takes them from folders of the same tree and from what it is given;
// [upstream.NeedsError] are what it has to be given.
func (l *loading) addMissing(ctx context.Context, to *chart.Chart) error {
	missing := missingIn(to)
	if len(missing) == 0 {
		return nil
	}
	wanted, err := locked(to, missing)
	if err != nil {
		return err
	}
	var needs upstream.NeedsError
	var added []*chart.Chart
	for _, dependency := range wanted {
		found, err := l.dependency(ctx, dependency)
		if need, ok := errors.AsType[upstream.NeedsError](err); ok {
			needs = append(needs, need...)
			continue
		}
		if err != nil {
			return err
		}
		if found.Name() != dependency.Name {
			return syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "dependency %s: the chart in %s is called %s", dependency.Name, dependency.Repository, found.Name()),
				"correct its name in Chart.yaml")
		}
		added = append(added, found)
	}
	if len(needs) > 0 {
		return needs
	}
	to.AddDependency(added...)
	return nil
}

// missingIn returns the dependencies of a chart that are not in its charts folder.
func missingIn(c *chart.Chart) []*chart.Dependency {
	var missing []*chart.Dependency
	for _, wanted := range c.Metadata.Dependencies {
		if wanted != nil && !slices.ContainsFunc(c.Dependencies(), func(d *chart.Chart) bool { return d.Name() == wanted.Name }) {
			missing = append(missing, wanted)
		}
	}
	return missing
}

// locked returns missing dependencies in the versions that the lock of the chart says,
// each once. What Chart.yaml says counts where there is no lock.
func locked(c *chart.Chart, missing []*chart.Dependency) ([]*chart.Dependency, error) {
	from := missing
	if c.Lock != nil {
		if err := inSync(c); err != nil {
			return nil, err
		}
		from = c.Lock.Dependencies
	}
	var wanted []*chart.Dependency
	for _, dependency := range from {
		same := func(d *chart.Dependency) bool {
			return d.Name == dependency.Name && d.Version == dependency.Version && d.Repository == dependency.Repository
		}
		if dependency == nil || slices.ContainsFunc(wanted, same) {
			continue
		}
		if slices.ContainsFunc(missing, func(m *chart.Dependency) bool { return m.Name == dependency.Name }) {
			wanted = append(wanted, dependency)
		}
	}
	return wanted, nil
}

// inSync reports an error where Chart.lock was made from other dependencies.
func inSync(c *chart.Chart) error {
	of, digests := c.Metadata.Dependencies, []string{}
	for _, value := range []any{[2][]*chart.Dependency{of, c.Lock.Dependencies}, map[string]any{"dependencies": of}} { // of Helm since 3, and of Helm 2
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		digests = append(digests, "sha256:"+hex.EncodeToString(sum[:]))
	}
	if c.Metadata.APIVersion != chart.APIVersionV1 {
		digests = digests[:1]
	}
	if slices.Contains(digests, c.Lock.Digest) {
		return nil
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Invalid, "Chart.lock is out of sync with the dependencies in Chart.yaml"),
		"run `helm dependency update` and commit Chart.lock")
}

// vendor is what to do where a dependency cannot be had.
const vendor = "run `helm dependency build` and commit the charts folder"

// dependency returns one dependency as it is packaged: what it lacks itself is not added.
func (l *loading) dependency(ctx context.Context, d *chart.Dependency) (*chart.Chart, error) {
	by := "dependency " + d.Name + " of " + path.Join(l.folder, "Chart.yaml")
	if _, err := semver.NewConstraint(d.Version); err != nil {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s: %q is no version and no constraint of versions", by, d.Version),
			`write a version such as "1.2.3" or a constraint such as "^1.2"`)
	}
	if local, ok := strings.CutPrefix(d.Repository, "file://"); ok {
		return l.local(ctx, d, local, by)
	}
	switch {
	case d.Repository == "":
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "%s is not in its charts folder, and names no repository", by), vendor)
	case strings.HasPrefix(d.Repository, "@"), strings.HasPrefix(d.Repository, "alias:"):
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "%s: %q is the name of a repository on somebody's machine", by, d.Repository),
			"write the address of the repository into Chart.yaml, and run `helm dependency update`")
	}
	remote := upstream.Remote{RepoURL: strings.TrimSuffix(d.Repository, "/"), Chart: d.Name, TargetRevision: d.Version, By: by}
	tree, err := upstream.Given(l.files.Refs, remote)
	if err != nil {
		return nil, err
	}
	found, err := l.read(ctx, tree, "", ignore.Empty())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", by, err)
	}
	return found, nil
}

// local returns a dependency that is in another folder of the tree.
func (l *loading) local(ctx context.Context, d *chart.Dependency, below, by string) (*chart.Chart, error) {
	folder := path.Join(l.folder, below)
	if strings.HasPrefix(below, "/") || folder != "." && !fs.ValidPath(folder) {
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "%s: %s is outside the repository", by, d.Repository), "write a path in the repository, relative to the chart")
	}
	if folder == "." {
		folder = ""
	}
	rules, err := ignoreRules(l.files, folder)
	if err != nil {
		return nil, err
	}
	found, err := l.read(ctx, l.files, folder, rules)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s: there is no folder %s", by, folder), "correct its repository in Chart.yaml")
	case err != nil:
		return nil, fmt.Errorf("%s: %w", by, err)
	}
	constraint, err := semver.NewConstraint(d.Version)
	if err != nil {
		return nil, err
	}
	if version, err := semver.NewVersion(found.Metadata.Version); err != nil || !constraint.Check(version) {
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "%s: the chart in %s has version %s, and %s is wanted", by, folder, found.Metadata.Version, d.Version),
			"correct the version in Chart.yaml")
	}
	return found, nil
}
