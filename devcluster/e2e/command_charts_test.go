package e2e_test

import (
	"fmt"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/syncline-io/syncline/internal/base/testenv"
)

// startCharts starts the script's Helm repository and OCI registry, if they do not run yet. HELMREPO gets the address of
// the one, REGISTRY host and port of the other, which both speak plain HTTP.
func (s *script) startCharts(ts *testscript.TestScript) error {
	if s.charts != nil {
		return nil
	}
	charts, err := testenv.StartCharts(s.ctx)
	if err != nil {
		return err
	}
	s.charts = charts
	s.closing(charts.Close)
	ts.Setenv("HELMREPO", charts.Repository())
	ts.Setenv("REGISTRY", charts.Registry())
	return nil
}

// chart FOLDER publishes a folder as a version of a chart in the script's Helm repository, of which HELMREPO gets the
// address. "chart away" has the repository answer nobody, "chart back" everybody again.
func chart(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	if err := s.startCharts(ts); err != nil {
		return err
	}
	if args[0] == "away" || args[0] == "back" {
		s.charts.Away(args[0] == "away")
		return nil
	}
	change, err := content(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	packed, err := testenv.PackChart(change.Files)
	if err != nil {
		return err
	}
	return s.charts.Publish(packed)
}

// chartcount FILE N says how often a file of the Helm repository was asked for.
func chartcount(s *script, _ *testscript.TestScript, args []string) error {
	if len(args) != 2 || s.charts == nil {
		return errUsage
	}
	most, err := strconv.Atoi(args[1])
	if err != nil {
		return errUsage
	}
	if n := s.charts.Count("GET /charts/" + args[0]); n == 0 || n > most {
		return fmt.Errorf("%s was asked for %d times, want at least once and at most %d times", args[0], n, most)
	}
	return nil
}
