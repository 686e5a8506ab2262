package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/syncline-io/syncline/bench/internal/contender"
	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/procfs"
	"github.com/syncline-io/syncline/bench/internal/result"
	"github.com/syncline-io/syncline/bench/internal/stage"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

// never is a contender that does not say of any app that it is synced.
type never struct{}

func (never) Agents() []string                           { return []string{"never"} }
func (never) Processes() procfs.Forest                   { return nil }
func (never) Declare(context.Context, []input.App) error { return nil }
func (never) Settled(context.Context, []input.App) error { return errors.New("nothing was delivered") }
func (never) Stop() error                                { return nil }
func (never) Synced(ctx context.Context, _ []input.App) (time.Time, error) {
	<-ctx.Done()
	return time.Time{}, context.Cause(ctx)
}

// serve answers every list with the same objects, and keeps every watch open.
func serve(t *testing.T, objects ...any) *kube.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch query := r.URL.Query(); {
		case query.Has("sendInitialEvents"):
			w.WriteHeader(http.StatusUnprocessableEntity) // as a server that cannot
		case query.Has("watch"):
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		default:
			_ = json.NewEncoder(w).Encode(map[string]any{
				"apiVersion": "apps/v1", "kind": "DeploymentList", "metadata": map[string]any{"resourceVersion": "1"}, "items": objects,
			})
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	api, err := kube.Connect(&rest.Config{Host: server.URL}, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// deployed is the Deployment of an app.
func deployed(app input.App, availableReplicas int) any {
	return map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": app.Deployment, "namespace": app.Namespace, "generation": 1, "resourceVersion": "1"},
		"spec":     map[string]any{"replicas": 1},
		"status":   map[string]any{"observedGeneration": 1, "availableReplicas": availableReplicas},
	}
}

func TestFirstSyncIsUnfinishedWhenItTakesTooLong(t *testing.T) {
	in, err := input.New(input.Monorepo, 3)
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	s := &scene{
		Options: Options{Patience: 300 * time.Millisecond, Say: &said}, contender: contender.Floor{}, session: never{}, input: in,
		stage: &stage.Stage{API: serve(t, deployed(in.Apps[0], 1), deployed(in.Apps[1], 0)), AuditLog: log},
	}
	r, err := s.firstSync(t.Context(), "W1", in.Apps)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Unfinished || r.Figures[result.Delivered] != 1 || r.Seconds <= 0 {
		t.Errorf("the run is %+v", r)
	}
	if said.Len() == 0 {
		t.Error("nothing was said")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := s.firstSync(ctx, "W1", in.Apps); err == nil {
		t.Errorf("it was interrupted, and the run is %+v", r)
	}
}
