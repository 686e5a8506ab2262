package testenv_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/base/testenv"
)

func TestChartServer(t *testing.T) {
	server, err := testenv.StartCharts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	chart, err := testenv.PackChart(map[string]string{"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.2.3\n", "values.yaml": "a: 1\n"})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Crowd("  other:\n  - {name: other, version: 0.1.0}\n"); err != nil {
		t.Fatal(err)
	}
	if err := server.Publish(chart); err != nil {
		t.Fatal(err)
	}
	if err := server.PushChart(t.Context(), "charts", chart); err != nil {
		t.Fatal(err)
	}
	index := get(t, server.Repository()+"/index.yaml", http.StatusOK)
	for _, want := range []string{"other:", "version: 0.1.0", "version: 1.2.3", strings.TrimPrefix(chart.Digest(), "sha256:")} {
		if !strings.Contains(index, want) {
			t.Errorf("the index lacks %q:\n%s", want, index)
		}
	}
	if got := get(t, server.Repository()+"/"+chart.File(), http.StatusOK); got != string(chart.Archive) {
		t.Error("the repository has another archive")
	}
	registry := "http://" + server.Registry() + "/v2/charts/web"
	if tags := get(t, registry+"/tags/list", http.StatusOK); !strings.Contains(tags, `"1.2.3"`) {
		t.Errorf("the tags are %s", tags)
	}
	if got := get(t, registry+"/blobs/"+chart.Digest(), http.StatusOK); got != string(chart.Archive) {
		t.Error("the registry has another archive")
	}
	server.Away(true)
	get(t, server.Repository()+"/index.yaml", http.StatusServiceUnavailable)
	if got := server.Count("GET /charts/index.yaml"); got != 2 {
		t.Errorf("%d requests for the index were counted, want 2", got)
	}
	if _, err := testenv.PackChart(map[string]string{"values.yaml": ""}); err == nil {
		t.Error("what has no Chart.yaml was packed as a chart")
	}
}

func get(t *testing.T, url string, status int) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		t.Fatalf("GET %s: %s, want %d (%v)", url, response.Status, status, err)
	}
	return string(body)
}
