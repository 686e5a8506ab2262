package e2e_test

import (
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/syncline-io/syncline/internal/base/testenv"
)

// push FOLDER REPOSITORY:TAG pushes a folder to the script's OCI registry, as a chart when it is one. REGISTRY gets host
// and port of the registry, which speaks plain HTTP, and DIGEST what the tag stands for then.
func push(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	repository, tag, found := strings.Cut(args[1], ":")
	if !found {
		return errUsage
	}
	if err := s.startCharts(ts); err != nil {
		return err
	}
	change, err := content(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	artifact, err := artifactOf(change.Files)
	if err != nil {
		return err
	}
	digest, err := s.charts.Push(s.ctx, repository, tag, artifact)
	ts.Setenv("DIGEST", digest)
	return err
}

// artifactOf returns files as a chart when they are one.
func artifactOf(files map[string]string) (testenv.Artifact, error) {
	if _, isChart := files["Chart.yaml"]; !isChart {
		return testenv.FilesArtifact(files)
	}
	packed, err := testenv.PackChart(files)
	if err != nil {
		return testenv.Artifact{}, err
	}
	return packed.Artifact()
}
