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
		if why := missing(named[1], named[2]); why != "" {
			t.Errorf("%s: %s", why, row)
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

// What the programs do around their libraries is shown, each by a test that exists.
func TestRenderingNamesTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("spec", "rendering.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for row := range strings.Lines(string(text)) {
		row = strings.TrimSpace(row)
		if !strings.HasPrefix(row, "| ") || strings.HasPrefix(row, "| what `") {
			continue
		}
		rows++
		if named := held.FindStringSubmatch(row); named == nil {
			t.Errorf("no test is named in %s", row)
		} else if why := missing(named[1], named[2]); why != "" {
			t.Errorf("%s: %s", why, row)
		}
	}
	if rows < 25 {
		t.Errorf("the page has %d rows", rows)
	}
}

// missing says what does not exist of a file and the test in it, or "".
func missing(name, test string) string {
	file, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
	if err != nil || test != "" && !strings.Contains(string(file), "func "+test+"(") {
		return fmt.Sprintf("%s %s does not exist (%v)", name, test, err)
	}
	return ""
}
