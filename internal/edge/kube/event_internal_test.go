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

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// reading returns a reader of events that have come.
func reading(text, verbatim string) *eventReader {
	body := io.NopCloser(strings.NewReader(text))
	return &eventReader{body: body, json: json.NewDecoder(body), verbatim: verbatim}
}

// What an event says is told as it is, whole numbers exact, and one field as its text.
func TestEventsAreRead(t *testing.T) {
	const object = `{"kind":"A","spec":{"n":9007199254740993,"status":[1]},"status":{"at":null,"list":[1, 2]}}`
	spec := map[string]any{"n": int64(9007199254740993), "status": []any{int64(1)}}
	for verbatim, want := range map[string]map[string]any{
		"":       {"kind": "A", "spec": spec, "status": map[string]any{"at": nil, "list": []any{int64(1), int64(2)}}},
		"status": {"kind": "A", "spec": spec, "status": json.RawMessage(`{"at":null,"list":[1, 2]}`)},
		"absent": {"kind": "A", "spec": spec, "status": map[string]any{"at": nil, "list": []any{int64(1), int64(2)}}},
	} {
		kind, got, err := reading(`{"type":"MODIFIED","object":`+object+"}\n", verbatim).Decode()
		if err != nil || kind != watch.Modified {
			t.Fatal(kind, err)
		}
		if u, _ := got.(*unstructured.Unstructured); u == nil || !reflect.DeepEqual(u.Object, want) {
			t.Errorf("%s: got %#v, want %#v", verbatim, got, want)
		}
	}
}

// What a watch fails with is told as it is, also where the status of objects is told as its
// text: what is said for too long has to be read anew.
func TestFailuresAreRead(t *testing.T) {
	const failure = `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old resource version: 1 (2)","reason":"Expired","code":410}}`
	for _, verbatim := range []string{"", "status"} {
		kind, got, err := reading(failure, verbatim).Decode()
		if err != nil || kind != watch.Error || !apierrors.IsResourceExpired(apierrors.FromObject(got)) {
			t.Errorf("%q: told is %s %v, %v", verbatim, kind, got, err)
		}
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
	reader := reading(text, "status")
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
