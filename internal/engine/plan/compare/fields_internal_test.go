package compare

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/jq"
)

var update = flag.Bool("update", false, "write what came out into the golden files")

// TestDifferences compares the two objects of each file in testdata/fields: the
// live one, and what applying the desired one would make of it. The file may
// hold ignore rules.
func TestDifferences(t *testing.T) {
	files, err := filepath.Glob("testdata/fields/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			parts := map[string][]byte{}
			for _, file := range archive.Files {
				parts[file.Name] = file.Data
			}
			live, desired := parse(t, parts["live"]), parse(t, parts["desired"])
			var rules []syncline.IgnoreRule
			if err := yaml.Unmarshal(parts["ignore"], &rules); err != nil {
				t.Fatal(err)
			}
			object, err := syncline.NewObject(live, "live")
			if err != nil {
				t.Fatal(err)
			}
			ignored := NewIgnored(inProcess{}, syncline.App{Ignore: rules}, nil)
			found, err := differences(t.Context(), live, desired, ignored.rulesFor(object.Ref()).trusting(object), object.Sensitive())
			if err != nil {
				t.Fatal(err)
			}
			got := write(t, found)
			if *update {
				for i := range archive.Files {
					if archive.Files[i].Name == "want" {
						archive.Files[i].Data = []byte(got)
					}
				}
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(parts["want"]), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// inProcess runs jq expressions in this process, each for half a second at most.
type inProcess struct{}

// Remove removes what an expression yields.
func (inProcess) Remove(ctx context.Context, _, expression string, object map[string]any) (map[string]any, error) {
	limited, cancel := context.WithTimeout(ctx, time.Second/2)
	defer cancel()
	stripped, err := jq.Remove(limited, expression, object)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, syncline.Errorf(syncline.Invalid, "it does not end")
	}
	return stripped, err
}

func parse(t *testing.T, text []byte) map[string]any {
	t.Helper()
	content := map[string]any{}
	if err := yaml.Unmarshal(text, &content); err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, fields []syncline.Field) string {
	t.Helper()
	var lines strings.Builder
	for _, f := range fields {
		live, errLive := json.Marshal(f.Live)
		desired, errDesired := json.Marshal(f.Desired)
		if errLive != nil || errDesired != nil {
			t.Fatal(errLive, errDesired)
		}
		fmt.Fprintf(&lines, "%s: %s -> %s\n", f.Path, live, desired)
	}
	return lines.String()
}
