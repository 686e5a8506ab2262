package audit_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/syncline-io/syncline/bench/internal/audit"
)

// event is a line of an audit log.
func event(agent, stage, verb, uri, resource string) string {
	return fmt.Sprintf(`{"kind":"Event","stage":%q,"requestURI":%q,"verb":%q,"userAgent":%q,"objectRef":{"resource":%q}}`+"\n",
		stage, uri, verb, agent, resource)
}

func TestCounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	write(t, path, event("a", "ResponseComplete", "patch", "/x", "configmaps")+
		event("a", "ResponseComplete", "patch", "/x?dryRun=All&force=true", "configmaps")+
		event("b", "ResponseComplete", "patch", "/x", "configmaps")+
		event("a", "ResponseStarted", "watch", "/x", "configmaps")+
		event("a", "ResponseComplete", "watch", "/x", "configmaps")+
		`{"stage":"ResponseComplete","verb":"get","userAgent":"a","requestURI":"/version"}`+"\n"+
		`{"stage":"ResponseComplete","verb":"patch","userAgent":"a","requestURI":"/x","objectRef":{"resource":"applications","subresource":"status"}}`+"\n"+
		`{"stage":"Resp`) // which is being written
	log := audit.Open(path, "a")
	counts, err := log.Counts()
	if err != nil {
		t.Fatal(err)
	}
	want := audit.Counts{
		{Verb: "patch", Resource: "configmaps"}:               1,
		{Verb: "patch", Resource: "configmaps", DryRun: true}: 1,
		{Verb: "watch", Resource: "configmaps"}:               1,
		{Verb: "get", Resource: audit.NoResource}:             1,
		{Verb: "patch", Resource: "applications/status"}:      1,
	}
	if !maps.Equal(counts, want) {
		t.Errorf("got %v, want %v", counts, want)
	}
	write(t, path, `onseComplete","verb":"delete","userAgent":"a","objectRef":{"resource":"pods"}}`+"\n")
	later, err := log.Counts()
	if err != nil {
		t.Fatal(err)
	}
	if added := later.Minus(counts); !maps.Equal(added, audit.Counts{{Verb: "delete", Resource: "pods"}: 1}) {
		t.Errorf("added are %v", added)
	}
	if writes := later.Writes(func(resource string) bool { return resource != "pods" }); writes != 2 {
		t.Errorf("%d writes but of pods", writes)
	}
}

func TestAgentsHaveVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	for _, agent := range []string{"a", "a/v1 (linux/amd64)", "b/v2", "ab", "c", "c/a"} {
		write(t, path, event(agent, "ResponseComplete", "create", "/x", "pods"))
	}
	counts, err := audit.Open(path, "a", "b").Counts()
	if err != nil || counts[audit.Request{Verb: "create", Resource: "pods"}] != 3 {
		t.Errorf("%v, %v", counts, err)
	}
}

func TestQuietWaitsForWritesToEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	write(t, path, "")
	const pause, writes = 400 * time.Millisecond, 5
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(pause / 4)
		defer ticker.Stop()
		for range writes {
			<-ticker.C
			write(t, path, event("a", "ResponseComplete", "create", "/x", "pods"))
		}
	}()
	counts, err := audit.Open(path, "a").Quiet(t.Context(), pause)
	<-done
	if err != nil || counts[audit.Request{Verb: "create", Resource: "pods"}] != writes {
		t.Errorf("%v, %v", counts, err)
	}
}

func TestQuietGivesUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	write(t, path, "")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := audit.Open(path, "a").Quiet(ctx, time.Hour); err == nil {
		t.Error("it does not give up")
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Error(err)
		return
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Error(err)
	}
}
