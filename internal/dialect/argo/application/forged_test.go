package application_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

// forgedBytes is how many bytes are allocated at most for an Application whose status lists
// 8,000 objects, to read and deliver it, and to write and read its status.
const forgedBytes = 22 << 20

// A status is written by whoever may write the Application, and may list thousands of
// objects that there are not.
func TestMemoryOfAForgedStatus(t *testing.T) {
	e := newEstate(64 << 20)
	defer e.live.Close()
	e.deliver(t, 1)
	name := "app-00002"
	e.folder, e.files, e.cluster = "apps/"+name, filesOf(name), enginetest.New(convention.Dialect())
	e.cluster.Add(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
	e.text = fmt.Appendf(nil, `{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":%[1]q,"namespace":"argocd","uid":"u","resourceVersion":"1"},
		"spec":{"project":"default","source":{"repoURL":"https://git.example.com/platform/mono.git","path":"apps/%[1]s","targetRevision":"main"},
		"destination":{"name":"in-cluster","namespace":%[1]q},"syncPolicy":{"automated":{"prune":true}}},
		"status":{"resources":[%[2]s]}}`, name, forgedResources(8000))
	told := e.object(t)
	told.Object["status"] = json.RawMessage(`{"resources":[` + forgedResources(8000) + `]}`) // as the watch tells it
	before := allocated()
	app, _ := e.store.Put(told)
	result := e.engine.Turn(t.Context(), app, 0)
	if result.Report == nil {
		t.Fatal(result.Err)
	}
	if _, err := e.writer.Save(t.Context(), *result.Report); err != nil {
		t.Fatal(err)
	}
	if bytes := allocated() - before; bytes > forgedBytes {
		t.Errorf("%d KiB were allocated, want at most %d", bytes>>10, forgedBytes>>10)
	}
}

// allocated is how many bytes were allocated so far.
func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// forgedResources are so many entries of a status, of what there is not.
func forgedResources(count int) string {
	listed := make([]string, 0, count)
	for i := range count {
		listed = append(listed, fmt.Sprintf(
			`{"version":"v1","kind":"ConfigMap","namespace":"app-00002","name":"forged-%05d","status":"Synced","health":{"status":"Healthy"}}`, i))
	}
	return strings.Join(listed, ",")
}
