package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// held is the last cell of a row of the advisories: a file, and the test in it that holds what the row is about.
var held = regexp.MustCompile("\\| `([^` ]+)`(?: `(\\w+)`)? \\|$")

// Every advisory that concerns Syncline names a test, and every test that is named exists.
func TestAdvisoriesNameTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("design", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows, kinds := 0, map[string]int{}
	for row := range strings.Lines(string(text)) {
		row = strings.TrimSpace(row)
		cells := strings.Split(row, "|")
		if len(cells) != 8 || strings.Trim(cells[1], "0123456789 ") != "" {
			continue
		}
		rows++
		kind, _, _ := strings.Cut(strings.TrimSpace(cells[5]), " ")
		kinds[strings.TrimRight(kind, ":,")]++
		named := held.FindStringSubmatch(row)
		if named == nil {
			if strings.HasPrefix(strings.TrimSpace(cells[5]), "yes") || strings.TrimSpace(cells[6]) != "" {
				t.Errorf("no test is named in %s", row)
			}
			continue
		}
		file, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(named[1])))
		if err != nil || named[2] != "" && !strings.Contains(string(file), "func "+named[2]+"(") {
			t.Errorf("%s %s does not exist (%v): %s", named[1], named[2], err, row)
		}
	}
	if rows != 161 {
		t.Errorf("there are %d advisories", rows)
	}
	counts := fmt.Sprintf("%d of the 161 concern what Syncline does today, %d something that it does not do yet, %d nothing that it has",
		kinds["yes"], kinds["when"], kinds["no"])
	if !strings.Contains(string(text), counts) {
		t.Errorf("the page should say: %s", counts)
	}
}
