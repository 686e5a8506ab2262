package project_test

import (
	"slices"
	"testing"

	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/project"
)

// TestWhatHasToBeSigned is a table of addresses and the modes that policies give them. No
// spelling of an address leaves a policy.
func TestWhatHasToBeSigned(t *testing.T) {
	const keys = `keys: ['4AEE18F83AFDEB23', 'SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDJ0JOKTeSaRmXYeZs', 'ssh:jane@example.com']`
	for _, test := range []struct {
		spec, address string
		want          []signing.Mode
	}{
		{`{}`, "https://git.example.com/a", nil},
		{`signatureKeys: [{keyID: '4AEE18F83AFDEB23'}]`, "https://git.example.com/a", []signing.Mode{"head"}},
		{`signatureKeys: [{keyID: '4AEE18F83AFDEB23'}]`, "git@git.example.com:team/a.git", []signing.Mode{"head"}},
		{`{signatureKeys: [{keyID: '4AEE18F83AFDEB23'}], sourceIntegrity: {git: {policies: []}}}`, "https://git.example.com/a", nil},
		{`sourceIntegrity: {git: {policies: [{repos: [{url: 'https://git.example.com/*'}], gpg: {mode: strict, ` + keys + `}}]}}`, "https://git.example.com/team/a", []signing.Mode{"strict"}},
		{`sourceIntegrity: {git: {policies: [{repos: [{url: 'https://git.example.com/team/a'}], gpg: {mode: head, ` + keys + `}}]}}`, "https://git.example.com/team/a.git", []signing.Mode{"head"}},
		{`sourceIntegrity: {git: {policies: [{repos: [{url: 'https://git.example.com/team/a.git'}], gpg: {mode: head, ` + keys + `}}]}}`, "http://jane@GIT.example.com/Team/A/", []signing.Mode{"head"}},
		{`sourceIntegrity: {git: {policies: [{repos: [{url: 'https://git.example.com/*'}, {url: '!https://git.example.com/free/*'}], gpg: {mode: head, ` + keys + `}}]}}`, "https://git.example.com/free/a/b", nil},
		{`sourceIntegrity: {git: {policies: [{repos: [{url: '*'}], gpg: {mode: none}}, {repos: [{url: 'https://git.example.com/**'}], gpg: {mode: head}}]}}`, "https://git.example.com/a", []signing.Mode{"none", "head"}},
		{`sourceIntegrity: {git: {policies: [{repos: [{url: 'https://other.example.com/*'}], gpg: {mode: head}}]}}`, "https://git.example.com/a", nil},
		{`sourceIntegrity: {git: {policies: [{repos: [], gpg: {mode: head}}]}}`, "https://git.example.com/a", nil},
	} {
		u := parse(t, `metadata: {name: shop}`)
		u.Object["spec"] = parse(t, test.spec).Object
		read, err := project.Read(u)
		if err != nil {
			t.Errorf("%s: %v", test.spec, err)
		}
		var got []signing.Mode
		for _, rule := range read.Signatures {
			if rule.Concerns(upstream.AddressOf(test.address)) {
				got = append(got, rule.Mode)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s of %s: %v, want %v", test.address, test.spec, got, test.want)
		}
	}
}
