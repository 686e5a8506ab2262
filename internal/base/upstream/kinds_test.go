package upstream_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline-io/syncline/internal/base/upstream"
)

// TestKindsOfRepositories writes one path in two ways. Hosts of Git repositories take both
// for one where they differ by ".git" or in case; a Helm repository's server and a registry
// have two repositories there, of two teams perhaps. Keys, ways to a repository, policies
// and what is below a template all agree on which it is.
func TestKindsOfRepositories(t *testing.T) {
	git := func(text string) upstream.Address { return upstream.AddressOf("https://h.example" + text) }
	kinds := map[string]func(path string) upstream.Address{
		"git": git, "ssh": func(text string) upstream.Address { return upstream.AddressOf("git@h.example:" + text) },
		"helm": func(text string) upstream.Address { return git(text).OfCharts() },
		"oci":  func(text string) upstream.Address { return upstream.AddressOf("oci://h.example" + text) },
	}
	for kind, at := range kinds {
		t.Run(kind, func(t *testing.T) {
			isGit := kind == "git" || kind == "ssh"
			rapid.Check(t, func(t *rapid.T) {
				path := rapid.StringMatching(`/[a-z]{1,3}(/[a-z]{1,3}(\.git)?)?`).Draw(t, "path")
				spelling := rapid.SampledFrom([]string{"", ".git", "/", ".git/", ".GIT", "/.git"}).Draw(t, "spelling")
				a, b := at(path), at(path+spelling)
				same := strings.Trim(spelling, "/") == "" || isGit && !strings.HasSuffix(path, ".git")
				if isGit && strings.HasSuffix(path, ".git") {
					return // twice is no spelling of once
				}
				access := func(a upstream.Address) upstream.Access { return upstream.Repository{Address: a}.Access() }
				for what, got := range map[string]bool{
					"Key": a.Key() == b.Key(), "Access": access(a) == access(b), "Is": a.Is(b), "IsWithin": b.IsWithin(a) && a.IsWithin(b),
					"Pattern": upstream.PatternOf(patternOf(a)).Matches(b), "denial": upstream.PatternOf("!" + patternOf(a)).Matches(b),
				} {
					if got != same {
						t.Fatalf("%s of %s and of %s: the same is %v, want %v", what, a, b, got, same)
					}
				}
			})
		})
	}
	// Of a letter in another case: only a denial is about both.
	upper, lower := git("/Team").OfCharts(), git("/team").OfCharts()
	pattern := "https://H.example/Team"
	if upper.Key() == lower.Key() || upstream.PatternOf(pattern).Matches(lower) || !upstream.PatternOf(pattern).Matches(upper) || !upstream.PatternOf("!"+pattern).Matches(lower) {
		t.Error("two Helm repositories whose paths differ in case are not told apart, or a denial of one leaves out the other")
	}
	// What is not known to be of a Helm repository is read as what it is held against.
	if plain := git("/team.git"); plain.Is(lower) || !plain.Is(plain.OfCharts()) || !plain.Is(git("/team")) {
		t.Error("an address without a kind is not read as the other")
	}
}

// patternOf is the pattern of one address.
func patternOf(a upstream.Address) string {
	if a.Scheme() == "ssh" {
		return "git@" + a.Host() + ":" + strings.TrimPrefix(a.Path(), "/")
	}
	return a.URL()
}
