package audit_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/syncline-io/syncline/devcluster/e2e/internal/audit"
)

const deletion = `{"stage":"ResponseComplete","verb":"delete","requestURI":"/api/v1/namespaces/a/pods/web",` +
	`"user":{"username":"joe"},"objectRef":{"resource":"pods","namespace":"a","name":"web"},` +
	`"responseStatus":{"code":200},"requestObject":{"preconditions":{"uid":"123"}}}`

func TestEventsAreReadAsTheyCome(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen := make(chan string, 10)
	log, err := audit.Follow(ctx, path, func(line []byte) { seen <- string(line) })
	if err != nil {
		t.Fatal(err)
	}

	fmt.Fprintln(file, `{"stage":"ResponseStarted","verb":"watch","requestURI":"/api/v1/pods?watch=1"}`)
	fmt.Fprint(file, deletion[:40]) // the log is not written line by line
	<-seen
	fmt.Fprintln(file, deletion[40:])
	fmt.Fprintln(file, `{"stage":"ResponseComplete","verb":"patch","requestURI":"/api/v1/x?dryRun=All&fieldManager=me","responseStatus":{"code":200}}`)
	if err := log.Await(ctx, 0, func(e audit.Event) bool { return e.Verb == "patch" }); err != nil {
		t.Fatal(err)
	}

	events, next, _, err := log.Since(0)
	if err != nil || next != 2 || len(events) != 2 {
		t.Fatalf("there are %d events, then %d (%v): %v", len(events), next, err, events)
	}
	if e := events[0]; e.User != "joe" || e.Resource != "pods" || e.Name != "web" || e.Precondition != "123" || !e.Writes() {
		t.Errorf("the deletion is %+v", e)
	}
	if e := events[1]; !e.DryRun || e.Manager != "me" || e.Writes() {
		t.Errorf("the dry-run is %+v", e)
	}
	if events, _, _, _ := log.Since(2); len(events) != 0 {
		t.Errorf("after all there is %v", events)
	}
}

func TestRefusedRequestIsNoWrite(t *testing.T) {
	if (audit.Event{Verb: "create", Code: 409}).Writes() {
		t.Error("a refused request counts as a write")
	}
}

func TestBrokenLineIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte("what\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	log, err := audit.Follow(ctx, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Await(ctx, 0, func(audit.Event) bool { return true }); err == nil || ctx.Err() != nil {
		t.Errorf("the error is %v", err)
	}
}
