package plan_test

import (
	"fmt"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/glob"
	"github.com/syncline-io/syncline/internal/base/option"
)

// TestExpressionsSeeNoSecrets wants a jq expression to name the fields of a Secret and
// to learn nothing of their values: a plan that is another one where it guesses right
// would tell them to whoever wrote it.
func TestExpressionsSeeNoSecrets(t *testing.T) {
	for expression, ignores := range map[string]bool{
		".data":                                             true,
		".data.password":                                    true,
		`.data["password", "nothing"]`:                      true,
		`.data | select(has("password"))`:                   true,
		".data | keys":                                      false,
		`select(.data.password) | .data`:                    true,
		`select(.data.nothing) | .data`:                     false,
		`select(.data.password | startswith("Y2")) | .data`: false,
		`select(.data.password == "Y2FuYXJ5") | .data`:      false,
		`select((.data.password | length) == 8) | .data`:    false,
		`select([.. | strings | select(contains("canary") or contains("Y2FuYXJ5"))] != []) | .data`: false,
		`.data | to_entries[] | select(.value == "Y2FuYXJ5") | .value`:                              false,
		`select(.data.password | @base64d | . == "canary") | .data`:                                 false,
	} {
		for _, options := range []option.List{nil, {"RespectIgnoreDifferences=true"}} {
			said := map[string]bool{}
			for _, value := range []string{"Y2FuYXJ5", "d3Jvbmdseg=="} {
				f := newFixture()
				f.sync(t, "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {password: "+value+"}\n")
				f.app.Policy.Options = options
				f.app.Ignore = []syncline.IgnoreRule{{Group: glob.Compile(""), Kind: glob.Compile("Secret"), JQPathExpressions: []string{expression}}}
				c := change(t, f.plan(t, "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {password: b3RoZXI=}\n"), "s")
				said[fmt.Sprint(c.Action, c.Why, c.Fields)] = true
				if c.Differs() == ignores {
					t.Errorf("%s %v: %s, %s", expression, options, c.Action, c.Why)
				}
			}
			if len(said) > 1 {
				t.Errorf("%s %v: %v", expression, options, said)
			}
		}
	}
}
