package helm

import (
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"

	"github.com/syncline-io/syncline/internal/base/tool"
)

// TestKnown wants the texts with which templates fail to be known, and no text that may
// stand for a value.
func TestKnown(t *testing.T) {
	c := &chart.Chart{Metadata: &chart.Metadata{Name: "web"}, Templates: []*common.File{{Name: "templates/a.yaml", Data: []byte(`
{{ $password := "hunter2" }}{{ $messages := list "set a password" }}
{{ fail (printf "bad: %s, %s" $password (join "; " $messages)) }}
{{ required (default "hunter3" .Values.message) .Values.none }}
{{ fail (include "web.message" .) }}{{ define "web.message" }}from a helper{{ end }}
{{ define "web.secret" }}kind: Secret
stringData: {p: hunter4}{{ end }}{{ fail (include "web.secret" .) }}
{{/* hunter5 */}}{{ lookup "a}}hunter6" }}
hunter7
`)}}}
	for said, shown := range map[string]bool{
		"bad: x": true, "set a password": true, "from a helper": true, "<.Values.message>": true,
		"hunter2": false, "hunter3": false, "hunter4": false, "hunter5": false, "hunter6": false, "hunter7": false,
	} {
		got := tell(c, "app", tool.Helm{}, said).Error()
		if word, _, _ := strings.Cut(said, ": x"); strings.Contains(got, word) != shown {
			t.Errorf("%q shows %q", said, got)
		}
	}
}
