package plan_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
)

// TestNoSecretLeavesThePlan holds that no value of a Secret, live or desired, in
// whatever form, is in what a plan says.
func TestNoSecretLeavesThePlan(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte("canary-live"))
	secret := `
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {password: canary-desired, other: canary-other}
data: {raw: %s}`
	f := newFixture()
	f.sync(t, fmt.Sprintf(secret, encoded))
	ref := syncline.Ref{Kind: "Secret", Namespace: "shop", Name: "s"}
	f.Edit(t, ref, func(u metadata) {
		for key, value := range map[string]string{"password": encoded, "old": encoded} {
			_ = unstructured.SetNestedField(u.Object, value, "data", key)
		}
		u.SetAnnotations(map[string]string{
			"kubectl.kubernetes.io/last-applied-configuration": `{"data":{"old":"` + encoded + `"},"stringData":{"x":"canary-applied"}}`,
		})
	})
	f.ApplyClientSide(t, ref)
	for name, options := range map[string]option.List{
		"update": nil, "replace": {"Replace=true"}, "recreate": {"Force=true"},
	} {
		t.Run(name, func(t *testing.T) {
			f.app.Policy.Options = options
			p := f.plan(t, fmt.Sprintf(secret, encoded))
			c := change(t, p, "s")
			if len(c.Fields) < 3 {
				t.Fatalf("the test shows nothing: %v", c.Fields)
			}
			text, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			said := string(text) + fmt.Sprintf("%v %+v %#v %q", p, p, p, c.Fields)
			for _, canary := range []string{"canary", encoded, base64.StdEncoding.EncodeToString([]byte("canary-desired"))[:12]} {
				if strings.Contains(said, canary) {
					t.Errorf("%q is in the plan: %s", canary, said)
				}
			}
		})
	}
}
