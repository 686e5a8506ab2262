package policy_test

import (
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/policy"
)

// As whom an App writes: by the first rule that matches its destination.
func TestIdentity(t *testing.T) {
	rule := func(server, namespace, account string) syncline.AccountRule {
		return syncline.AccountRule{
			DestinationRule: syncline.NewDestinationRule(syncline.Destination{Server: server, Namespace: namespace}), Account: account,
		}
	}
	for name, test := range map[string]struct {
		rules []syncline.AccountRule
		only  bool
		to    string // the namespace
		want  string // "" for Syncline itself, "-" for a denial
	}{
		"no rules":                          {nil, false, "shop", ""},
		"no rules, where there has to be":   {nil, true, "shop", "-"},
		"of the destination":                {[]syncline.AccountRule{rule("*", "*", "dev")}, true, "shop", "system:serviceaccount:shop:dev"},
		"of the App without one":            {[]syncline.AccountRule{rule("*", "*", "dev")}, true, "", "system:serviceaccount:argocd:dev"},
		"of its own namespace":              {[]syncline.AccountRule{rule(local, "shop", "ops:dev")}, true, "shop", "system:serviceaccount:ops:dev"},
		"the first":                         {[]syncline.AccountRule{rule(local, "sh*", "a"), rule("*", "*", "b")}, true, "shop", "system:serviceaccount:shop:a"},
		"not one of another cluster":        {[]syncline.AccountRule{rule("https://other", "*", "a"), rule("*", "*", "b")}, true, "shop", "system:serviceaccount:shop:b"},
		"none of another namespace":         {[]syncline.AccountRule{rule("*", "other", "a")}, true, "shop", "-"},
		"none, where there need not be one": {[]syncline.AccountRule{rule("*", "other", "a")}, false, "shop", ""},
	} {
		t.Run(name, func(t *testing.T) {
			app := syncline.App{Destination: syncline.Destination{Server: local, Namespace: test.to}}
			app.ID.Namespace = "argocd"
			got, err := policy.Identity(syncline.Project{Accounts: test.rules, AccountsOnly: test.only}, app, target())
			if denied := syncline.KindOf(err) == syncline.Denied; denied != (test.want == "-") || !denied && (got.User != test.want || err != nil) {
				t.Errorf("got %q (%v), want %q", got.User, err, test.want)
			}
		})
	}
}
