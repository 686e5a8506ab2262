package helmrepo_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/Masterminds/semver/v3"

	"github.com/syncline-io/syncline/internal/edge/helmrepo"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// helm returns the program, of the version that tools/golden pins, as the goldens of
// rendering use it.
func helm(t *testing.T) string {
	t.Helper()
	base, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	module := filepath.Join("..", "..", "..", "tools", "golden")
	sum := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			t.Fatal(err)
		}
		sum.Write(text)
	}
	program := filepath.Join(base, "syncline", "golden", "bin", hex.EncodeToString(sum.Sum(nil))[:16], "helm")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	fresh := filepath.Join(t.TempDir(), "helm")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", fresh, "helm.sh/helm/v4/cmd/helm")
	build.Dir = module
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return fresh
}

// chosenByHelm is the version that helm chooses, "" when it chooses none.
func chosenByHelm(t *testing.T, program, home, url, chart, constraint string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, "show", "chart", chart, "--repo", url, "--version", constraint)
	command.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME=", "XDG_CONFIG_HOME=", "XDG_DATA_HOME=")
	var messages strings.Builder
	command.Stderr = &messages
	out, err := command.Output()
	for line := range strings.Lines(string(out)) {
		if version, found := strings.CutPrefix(line, "version: "); found {
			return strings.Trim(strings.TrimSpace(version), `"`)
		}
	}
	if text := messages.String(); err == nil || !strings.Contains(text, "not found") && !strings.Contains(text, "improper constraint") && !strings.Contains(text, "no chart version") {
		t.Errorf("helm of %q: %v: %s", constraint, err, text)
	}
	return ""
}

// chosen is the version that a target revision stands for, "" when for none.
func chosen(t *testing.T, fetcher source.Fetcher, listing source.Listing, chart, constraint string) string {
	t.Helper()
	want := source.Target{Chart: chart, Revision: constraint}
	if _, err := fetcher.Known(want); err != nil {
		return ""
	}
	found, err := listing.Resolve(t.Context(), want)
	if err != nil {
		return ""
	}
	version, _, _ := strings.Cut(found.ID, "@")
	return version
}

// TestVersionsAreThoseOfHelm, over a table and at random. Versions that differ in build
// metadata alone are the same to a constraint, and Helm takes any of them.
func TestVersionsAreThoseOfHelm(t *testing.T) {
	program, home := helm(t), t.TempDir()
	r, store := newRepository(t), newStore(t, helmrepo.Options{})
	type question struct{ chart, constraint string }
	var questions []question
	table := []string{"1.2.3", "1.2.4-rc.1", "1.10.0", "v2.0.0", "2.1.0-alpha", "0.1.0", "1.2.3+b1", "not-a-version", "3", "3.1"}
	for _, version := range table {
		r.publish(t, "web", version, nil)
	}
	r.publish(t, "early", "0.1.0-beta.2", nil)
	r.publish(t, "early", "0.1.0-beta.10", nil)
	for _, constraint := range []string{
		"", "*", "1.2.3", "v1.2.3", "=1.2.3", "1.2.3+b1", "1.2.3+other", "1.2", "1", "v1", "1.x", "1.2.x", "~1.2", "^1.2", "^1", ">1.2.3", ">=1.2.3 <2", ">= 1.2.3, < 2.0.0",
		"1.2 - 2.0", "^1 || ^3", "!=3.1", "2.0.0", "v2.0.0", "2.1.0-alpha", "v2.1.0-alpha", ">2.0.0-0", ">0.0.0-0", "^2.1.0-0", "~1.2.4-0", "3", "3.0", "3.1", "3.1.0", "9", "9.9.9",
		"not-a-version", "latest", "HEAD", "1.2.3.4", ">", "x", "~>1.2", "=>1.2",
	} {
		questions = append(questions, question{"web", constraint})
	}
	for _, constraint := range []string{"", "*", ">0.0.0-0", "0.1.0-beta.2", "^0.1.0-0"} {
		questions = append(questions, question{"early", constraint})
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // nothing is secret about it
	number := func() string {
		text := fmt.Sprintf("%d.%d.%d", random.IntN(3), random.IntN(3), random.IntN(3))
		return []string{"", "v"}[random.IntN(5)/4] + text + []string{"", "-rc.1", "-alpha"}[random.IntN(6)%3*random.IntN(2)]
	}
	for i := range 12 {
		chart := fmt.Sprintf("random%d", i)
		seen := map[string]bool{}
		for range 8 {
			if version := number(); !seen[strings.TrimPrefix(version, "v")] {
				seen[strings.TrimPrefix(version, "v")] = true
				r.publish(t, chart, version, nil)
			}
		}
		for range 4 {
			operator := []string{"", "^", "~", ">", ">=", "<", "<=", "!=", "="}[random.IntN(9)]
			constraint := operator + number()
			if random.IntN(4) == 0 {
				constraint += ", <" + number()
			}
			questions = append(questions, question{chart, constraint})
		}
	}
	fetcher := source.NewHelm(store, store)
	listing, err := fetcher.List(t.Context(), r.upstream(), source.Target{})
	if err != nil {
		t.Fatal(err)
	}
	answers := make([]string, len(questions))
	var group sync.WaitGroup
	next := make(chan int)
	for range 4 {
		group.Go(func() {
			for i := range next {
				answers[i] = chosenByHelm(t, program, home, r.url(), questions[i].chart, questions[i].constraint)
			}
		})
	}
	for i := range questions {
		next <- i
	}
	close(next)
	group.Wait()
	none := 0
	for i, q := range questions {
		got := chosen(t, fetcher, listing, q.chart, q.constraint)
		if got != answers[i] && !alike(got, answers[i]) {
			t.Errorf("of %s, %q is %q, and helm has %q", q.chart, q.constraint, got, answers[i])
		}
		if got == "" {
			none++
		}
	}
	t.Logf("%d questions, of which %d have no answer", len(questions), none)
}

// alike reports whether versions differ in build metadata alone.
func alike(a, b string) bool {
	one, errOne := semver.NewVersion(a)
	two, errTwo := semver.NewVersion(b)
	return errOne == nil && errTwo == nil && one.Equal(two)
}
