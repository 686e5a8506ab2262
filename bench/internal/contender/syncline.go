package contender

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/procfs"
	"github.com/syncline-io/syncline/bench/internal/stage"
)

// Syncline is `syncline server`, a child process with its render workers.
type Syncline struct {
	// Program is the path of the program. Required.
	Program string
	// Commit is what it was built from, in the folder Tree. Required.
	Commit, Tree string
	// Logs is a folder that keeps the server's logs. Default: they are not kept.
	Logs string
	// Profiles is a folder that gets profiles of the server. Default: none are made.
	Profiles string
}

// Name returns "syncline".
func (s Syncline) Name() string { return NameSyncline }

// Version returns the commit that it was built from.
func (s Syncline) Version() string { return s.Commit }

// Flags returns those that matter to what is measured. All others have their
// defaults.
func (s Syncline) Flags() []string {
	flags := []string{"--namespace", input.ControlNamespace, "--log-format", "json"}
	if s.Profiles != "" {
		flags = append(flags, "--profile-dir", s.Profiles)
	}
	return flags
}

// Start starts the server, with no mirrors yet, and waits until it runs.
func (s Syncline) Start(ctx context.Context, on *stage.Stage) (Session, error) {
	if err := on.Define(ctx, filepath.Join(s.Tree, "deploy", "crds")); err != nil {
		return nil, err
	}
	data, err := os.MkdirTemp(on.Folder, "data-")
	if err != nil {
		return nil, err
	}
	log, err := openLog(s.Logs, filepath.Base(on.Folder)+"-"+filepath.Base(data))
	if err != nil {
		return nil, err
	}
	running := &syncline{stage: on, journal: newJournal(log)}
	if running.applications, err = on.Watch(ctx, stage.Applications()); err != nil {
		return nil, err
	}
	args := append([]string{"server", "--kubeconfig", on.Kubeconfig, "--data-dir", data}, s.Flags()...)
	if running.child, err = startChild(running.journal, exec.Command(s.Program, args...)); err != nil {
		return nil, err
	}
	if err := running.journal.await(ctx, running.child, func(j *journal) bool { return j.running }); err != nil {
		return nil, fmt.Errorf("waiting for syncline to run: %w", err)
	}
	return running, nil
}

type syncline struct {
	stage        *stage.Stage
	child        *child
	journal      *journal
	applications *stage.Watch
}

// Agents returns the user agent of `syncline server`.
func (s *syncline) Agents() []string { return []string{"syncline"} }

func (s *syncline) Processes() procfs.Forest { return procfs.Forest{s.child.tree()} }

// Declare creates the Applications.
func (s *syncline) Declare(ctx context.Context, apps []input.App) error {
	return declareApplications(ctx, s.stage, apps)
}

// Synced waits for status.sync.status.
func (s *syncline) Synced(ctx context.Context, apps []input.App) (time.Time, error) {
	return s.await(ctx, apps, isSynced)
}

// Settled waits until every app is synced and healthy, and its operation done.
func (s *syncline) Settled(ctx context.Context, apps []input.App) error {
	_, err := s.await(ctx, apps, isSettled)
	return err
}

func (s *syncline) await(ctx context.Context, apps []input.App, holds func(*unstructured.Unstructured) bool) (time.Time, error) {
	ctx, done := group{s.child}.within(ctx)
	defer done()
	return awaitApps(ctx, s.applications, apps, holds)
}

// Refresh sets the annotation that people and webhooks set.
func (s *syncline) Refresh(ctx context.Context, app input.App) error {
	return refreshApplication(ctx, s.stage, app)
}

// At waits for status.sync.revision.
func (s *syncline) At(ctx context.Context, apps []input.App, commit string) error {
	_, err := s.await(ctx, apps, isAt(commit))
	return err
}

// Known waits until the server, since it was started, has found that many
// Applications to be synced: it has rendered each of them and compared it with
// the cluster, and says so in its log.
func (s *syncline) Known(ctx context.Context, apps int) (time.Time, error) {
	err := s.journal.await(ctx, s.child, func(j *journal) bool { return len(j.synced) >= apps })
	return time.Now(), err
}

func (s *syncline) Stop() error {
	s.applications.Stop()
	return s.child.stop()
}
