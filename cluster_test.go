package syncline_test

import (
	"testing"

	"github.com/syncline-io/syncline"
)

func TestWhatADestinationNames(t *testing.T) {
	both := syncline.Target{ID: "one", Name: "production", Server: "https://10.0.0.1"}
	for name, test := range map[string]struct {
		target syncline.Target
		to     syncline.Destination
		want   bool
	}{
		"its address":                       {both, syncline.Destination{Server: "https://10.0.0.1"}, true},
		"its name":                          {both, syncline.Destination{Name: "production", Namespace: "x"}, true},
		"another address":                   {both, syncline.Destination{Server: "https://10.0.0.2"}, false},
		"another name":                      {both, syncline.Destination{Name: "Production"}, false},
		"its name as an address":            {both, syncline.Destination{Server: "production"}, false},
		"nothing":                           {both, syncline.Destination{Namespace: "x"}, false},
		"nothing, for one without a name":   {syncline.Target{ID: "one", Server: "https://10.0.0.1"}, syncline.Destination{}, false},
		"nothing, for one without anything": {syncline.Target{}, syncline.Destination{}, false},
	} {
		if got := test.target.Is(test.to); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
