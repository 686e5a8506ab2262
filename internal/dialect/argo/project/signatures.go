package project

import (
	"fmt"
	"strings"

	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// seal is the trailer by which a commit vouches for those before it.
const seal = "Argocd-gpg-seal"

// keysIn says where keys are.
const keysIn = "ConfigMap argocd-gpg-keys-cm (of SSH: syncline-allowed-signers)"

// toSignatures translates sourceIntegrity, and signatureKeys to what Argo CD takes them
// for: a policy for every repository, beside which policies of Git count alone.
func toSignatures(spec v1alpha1.AppProjectSpec) []signing.Rule {
	var rules []signing.Rule
	if integrity := spec.SourceIntegrity; integrity != nil && integrity.Git != nil {
		for i, policy := range integrity.Git.Policies {
			field := fmt.Sprintf("spec.sourceIntegrity.git.policies[%d]", i)
			rule := signing.Rule{Seal: seal, Field: field, KeysIn: keysIn}
			if policy.GPG != nil { // else its mode cannot be read
				rule.Mode, rule.Signers = signing.Mode(policy.GPG.Mode), policy.GPG.Keys
			}
			for _, repo := range policy.Repos {
				if except, denied := strings.CutPrefix(repo.URL, "!"); denied {
					rule.Except = append(rule.Except, upstream.PatternOf(crossing(except)))
				} else {
					rule.Repositories = append(rule.Repositories, upstream.PatternOf("!"+crossing(repo.URL)))
				}
			}
			rules = append(rules, rule)
		}
		return rules
	}
	if len(spec.SignatureKeys) == 0 {
		return nil
	}
	rule := signing.Rule{
		Repositories: []upstream.Pattern{upstream.PatternOf("!*")}, Mode: signing.Head,
		Seal: seal, Field: "spec.signatureKeys", KeysIn: keysIn,
	}
	for _, key := range spec.SignatureKeys {
		rule.Signers = append(rule.Signers, key.KeyID)
	}
	return []signing.Rule{rule}
}

// crossing returns a glob as Argo CD reads it in a policy, where "*" crosses slashes. A
// pattern that is read as a denial is never narrower than it looks: which repositories
// have to be signed is no matter of how an address is spelled.
func crossing(glob string) string {
	var b strings.Builder
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case c == '\\' && i+1 < len(glob):
			b.WriteString(glob[i : i+2])
			i++
		case c == '*':
			b.WriteString("**")
			for i+1 < len(glob) && glob[i+1] == '*' {
				i++
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
