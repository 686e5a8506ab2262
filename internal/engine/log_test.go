package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/logger"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// What a step logs says for which App, and in which step, however deep it is written; so
// does what a defect of it is logged as.
func TestWhatAStepLogsNamesIt(t *testing.T) {
	var lines bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&lines, nil)))
	defer slog.SetDefault(before)
	w := newWorld(config("a", "1"))
	w.engine = engine.New(w, rendererFunc(func(ctx context.Context) {
		logger.From(ctx).Info("rendering")
		panic("a defect")
	}), w, w, engine.Options{})
	result := w.engine.Turn(logger.With(t.Context(), "app", w.app.ID.String()), w.app, 0)
	if err := result.Err; syncline.KindOf(err) != syncline.Internal || !strings.HasPrefix(err.Error(), "render: ") {
		t.Errorf("the turn ended by %v", err)
	}
	var said []string
	for line := range strings.Lines(lines.String()) {
		var record struct{ Msg, App, Step string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		said = append(said, record.Msg+" "+record.App+" "+record.Step)
	}
	if want := []string{"rendering argocd/web render", "a step panicked argocd/web render"}; !slices.Equal(said, want) {
		t.Errorf("logged is %q, want %q", said, want)
	}
}

// rendererFunc is a renderer that does something and renders nothing.
type rendererFunc func(context.Context)

func (f rendererFunc) Render(ctx context.Context, _ render.Request) (render.Result, error) {
	f(ctx)
	return render.Result{}, nil
}

func (rendererFunc) Forget(syncline.AppID) {}
