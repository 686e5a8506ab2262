package usage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
)

func TestDidYouMean(t *testing.T) {
	known := []string{"sync", "diff", "history"}
	for word, want := range map[string]string{
		"snyc": `did you mean "sync"?`, "Diff": `did you mean "diff"?`, "hystory": `did you mean "history"?`, "delete": "", "": "",
	} {
		if hint := syncline.HintOf(usage.DidYouMean(errors.New("no such command"), word, known)); hint != want {
			t.Errorf("the hint for %q is %q, want %q", word, hint, want)
		}
	}
}

func TestSeconds(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "90": 90 * time.Second, "5m": 5 * time.Minute, "1h30m": 90 * time.Minute, "-1": -1, "-5m": -1, "soon": -1, "": -1,
	} {
		var value usage.Seconds
		err := value.Set(text)
		if (err != nil) != (want < 0) || err == nil && time.Duration(value) != want {
			t.Errorf("%q is %s, %v", text, value.String(), err)
		}
	}
}

// Only what is wrong with flags is an error of the command line.
func TestOf(t *testing.T) {
	for kind, want := range map[syncline.Kind]bool{syncline.Invalid: true, syncline.NotFound: false} {
		if is := usage.Is(usage.Of(syncline.Errorf(kind, "it is wrong"))); is != want {
			t.Errorf("an error of kind %s is one of the command line: %t", kind, is)
		}
	}
}
