package submodule_test

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git/submodule"
)

// Relative URLs are read as git reads them, and carry nothing of their parent.
func TestAddress(t *testing.T) {
	for _, c := range []struct{ parent, url, want string }{
		{"https://git.example/org/app.git", "../lib.git", "https://git.example/org/lib.git"},
		{"https://git.example/org/app.git/", "../../other/lib", "https://git.example/other/lib"},
		{"https://git.example/org/app", "./lib", "https://git.example/org/app/lib"},
		{"https://git.example:8443/org/app", ".././lib", "https://git.example:8443/org/lib"},
		{"https://joe:pass@git.example/org/app", "../lib", "https://git.example/org/lib"},
		{"ssh://git@git.example:2222/org/app.git", "../lib.git", "ssh://git@git.example:2222/org/lib.git"},
		{"git@git.example:org/app.git", "../lib.git", "git@git.example:org/lib.git"},
		{"git@git.example:org/app.git", "../../lib.git", "git@git.example:lib.git"},
		{"https://git.example/org/app.git", "https://other.example/lib", "https://other.example/lib"},
		{"https://git.example/org/app.git", "git@other.example:lib.git", "git@other.example:lib.git"},
		{"https://git.example/org/app.git", "../../../lib", ""},
		{"https://git.example/org/app.git", "/etc", ""},
		{"https://git.example/org/app.git", "file:///etc", ""},
		{"/home/joe/app", "../lib", ""},
		{"https://git.example/org/app.git", "--upload-pack=touch", ""},
		{"https://git.example/org/app.git", "ext::sh -c id", ""},
		{"https://git.example/org/app.git", "oci://git.example/lib", ""},
		{"https://git.example/org/app.git", "../li\nb", ""},
	} {
		got, err := submodule.Address(upstream.AddressOf(c.parent), c.url)
		if (err != nil) != (c.want == "") || err == nil && (got.Key() != upstream.Key(c.want) || got.Password() != "") {
			t.Errorf("%s and %q: got %q, %v, want %q", c.parent, c.url, got, err, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	printed := strings.Join([]string{
		"core.bare\nfalse", "submodule.lib.path\nvendor/lib", "submodule.lib.url\n../lib", "submodule.a.b.path\ndotted/", "submodule.a.b.url\nu",
		"submodule.out.path\n../out", "submodule.out.url\nu", "submodule.root.path\n.", "submodule.root.url\nu",
		"submodule.off.path\noff", "submodule.off.url\nu", "submodule.off.update\nnone", "submodule.nowhere.path\nx", "submodule", "",
	}, "\x00")
	got := submodule.Parse(printed)
	if len(got) != 2 || got[0] != (submodule.Module{Path: "vendor/lib", URL: "../lib"}) || got[1] != (submodule.Module{Path: "dotted", URL: "u"}) {
		t.Errorf("got %v", got)
	}
}
