package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// reading returns a reader of events that have come.
func reading(text string, verbatim ...string) *eventReader {
	body := io.NopCloser(strings.NewReader(text))
	return &eventReader{body: body, json: json.NewDecoder(body), verbatim: verbatim}
}

// What an event says is told as it is, whole numbers exact, and one field as its text.
func TestEventsAreRead(t *testing.T) {
	const object = `{"kind":"A","spec":{"n":9007199254740993,"list":[1]},"status":{"at":null,"list":[1, 2]},"other":{"status":{"list":[3]}}}`
	for name, test := range map[string]struct {
		object   string
		verbatim []string
		want     map[string]any
	}{
		"nothing is verbatim": {object, nil, map[string]any{
			"kind": "A", "spec": map[string]any{"n": int64(9007199254740993), "list": []any{int64(1)}},
			"status": map[string]any{"at": nil, "list": []any{int64(1), int64(2)}},
			"other":  map[string]any{"status": map[string]any{"list": []any{int64(3)}}},
		}},
		"a field of a field": {object, []string{"status", "list"}, map[string]any{
			"kind": "A", "spec": map[string]any{"n": int64(9007199254740993), "list": []any{int64(1)}},
			"status": map[string]any{"at": nil, "list": json.RawMessage("[1, 2]")},
			"other":  map[string]any{"status": map[string]any{"list": []any{int64(3)}}},
		}},
		"there is no such field":            {`{"status":{"a":"b"}}`, []string{"status", "list"}, map[string]any{"status": map[string]any{"a": "b"}}},
		"what it is to be in is no object":  {`{"status":"list"}`, []string{"status", "list"}, map[string]any{"status": "list"}},
		"what it is to be in is not at all": {`{"status":null}`, []string{"status", "list"}, map[string]any{"status": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			kind, got, err := reading(`{"type":"MODIFIED","object":`+test.object+"}\n", test.verbatim...).Decode()
			if err != nil || kind != watch.Modified {
				t.Fatal(kind, err)
			}
			if u, _ := got.(*unstructured.Unstructured); u == nil || !reflect.DeepEqual(u.Object, test.want) {
				t.Errorf("got %#v, want %#v", got, test.want)
			}
		})
	}
}

// A watch that breaks off in the middle of an event ends with an error, and so does one that
// says no JSON.
func TestEventsThatCannotBeRead(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"ADDED","object":{"a":`: "unexpected EOF",
		`<html>`:                         "invalid character",
		"":                               "EOF",
	} {
		if _, _, err := reading(text, "a").Decode(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// A large event takes little more than three times its size while it is read, and leaves
// nothing behind; those that come with it are not lost.
func TestMemoryOfLargeEvents(t *testing.T) {
	listed := make([]string, 8000)
	for i := range listed {
		listed[i] = fmt.Sprintf(`{"version":"v1","kind":"ConfigMap","namespace":"app","name":"forged-%05d","status":"Synced","health":{"status":"Healthy"}}`, i)
	}
	large := `{"type":"ADDED","object":{"metadata":{"name":"large"},"status":{"resources":[` + strings.Join(listed, ",") + `]}}}` + "\n"
	text := large + `{"type":"ADDED","object":{"metadata":{"name":"small"}}}` + "\n" + large
	reader := reading(text, "status", "resources")
	for _, name := range []string{"large", "small", "large"} {
		before := allocated()
		_, got, err := reader.Decode()
		if err != nil {
			t.Fatal(err)
		}
		if u, _ := got.(*unstructured.Unstructured); u == nil || u.GetName() != name {
			t.Errorf("told is %v, want %s", got, name)
		}
		if bytes := allocated() - before; bytes > uint64(6*len(large)) {
			t.Errorf("%s: %d bytes were allocated for an event of %d", name, bytes, len(large))
		}
	}
	if _, _, err := reader.Decode(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	runtime.GC()
	before := inUse()
	runtime.KeepAlive(reader)
	reader = nil
	runtime.GC()
	defer runtime.KeepAlive(text)
	if kept := int(before) - int(inUse()); kept > largeEvent {
		t.Errorf("%d bytes were kept between events", kept)
	}
}

func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

func inUse() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
