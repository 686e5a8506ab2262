package view

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, diff)
	}
}

func ref(kind, name string) syncline.Ref {
	group := map[string]string{"Deployment": "apps", "Job": "batch"}[kind]
	return syncline.Ref{Group: group, Kind: kind, Namespace: "shop", Name: name}
}

// halfway is a sync in its second wave.
func halfway() syncline.Report {
	return syncline.Report{
		App: syncline.AppID{Group: "argoproj.io", Kind: "Application", Namespace: "argocd", Name: "shop"},
		Objects: []syncline.ObjectReport{
			{Ref: ref("ConfigMap", "settings"), Sync: syncline.Synced},
			{Ref: ref("Deployment", "web"), Sync: syncline.Synced, Wave: 1, Health: syncline.Health{Status: syncline.Progressing, Message: "1 of 3\nupdated"}},
			{Ref: ref("Deployment", "api"), Sync: syncline.Synced, Wave: 1, Health: syncline.Health{Status: syncline.Degraded}},
			{Ref: ref("Service", "web"), Sync: syncline.OutOfSync, Wave: 2},
			{Ref: ref("ConfigMap", "untouched"), Sync: syncline.Synced, Wave: 2},
		},
		Operation: &syncline.OperationState{
			Phase: syncline.OperationRunning, Message: "waiting for healthy state of apps/Deployment/web",
			Revisions: []string{"3f2a91c0aa11bb22cc33dd44ee55ff6677889900"},
			StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			Results: []syncline.ObjectResult{
				{Ref: ref("Job", "migrate"), Phase: syncline.PreSync, HookType: syncline.PreSync, State: syncline.OperationSucceeded, Message: "completed"},
				{Ref: ref("ConfigMap", "settings"), Phase: syncline.Sync, Code: syncline.ResultSynced, State: syncline.OperationSucceeded, Message: "configured"},
				{Ref: ref("ConfigMap", "old"), Phase: syncline.Sync, Code: syncline.ResultPruneSkipped, Message: "ignored (requires pruning)"},
				{Ref: ref("Deployment", "web"), Phase: syncline.Sync, Code: syncline.ResultSynced, State: syncline.OperationRunning, Message: "configured"},
				{Ref: ref("Deployment", "api"), Phase: syncline.Sync, Code: syncline.ResultFailed, State: syncline.OperationFailed, Message: "field is immutable"},
			},
		},
	}
}

func at(report syncline.Report, waiting ...string) Picture {
	return PictureOf(report, Moment{Waiting: waiting, Now: report.Operation.StartedAt.Add(83 * time.Second)})
}

func TestPicture(t *testing.T) {
	waiting := "apps/Deployment/shop/web: Progressing: 1 of 3 updated"
	picture := at(halfway(), waiting)
	text := func(lines []string) string { return strings.Join(lines, "\n") + "\n" }
	golden(t, "picture.txt", text(picture.Lines(Palette{}, 0)))
	golden(t, "picture-colour.txt", text(picture.Lines(Palette{On: true}, 0)))
	golden(t, "picture-small.txt", text(picture.Lines(Palette{}, 9)))
	golden(t, "picture-lines.txt", text(picture.News(Picture{}, Palette{})))
	done := halfway()
	done.Operation.Phase = syncline.OperationFailed
	done.Operation.Message = "one or more objects failed"
	done.Operation.FinishedAt = done.Operation.StartedAt.Add(90 * time.Second)
	golden(t, "picture-done.txt", text(at(done, waiting).Lines(Palette{}, 0)))
	golden(t, "picture-news.txt", text(at(done).News(picture, Palette{})))
	golden(t, "results.txt", text(Results(done, Palette{})))
}

func TestPictureFitsWhereItCan(t *testing.T) {
	picture := at(halfway(), "a", "b", "c", "d", "e", "f", "g")
	full := len(picture.Lines(Palette{}, 0))
	for room := 13; room <= full; room++ {
		if got := len(picture.Lines(Palette{}, room)); got > room {
			t.Errorf("in a room of %d lines it takes %d", room, got)
		}
	}
}

func TestPictureIsPendingUntilTheOperationBegins(t *testing.T) {
	picture := PictureOf(halfway(), Moment{Pending: true})
	want := Picture{App: syncline.AppID{Group: "argoproj.io", Kind: "Application", Namespace: "argocd", Name: "shop"}, State: "Pending"}
	if diff := cmp.Diff(want, picture); diff != "" {
		t.Error(diff)
	}
}

func TestNewsIsOnlyWhatChanged(t *testing.T) {
	picture := at(halfway())
	if news := picture.News(picture, Palette{}); len(news) > 0 {
		t.Errorf("nothing changed, and the news are %q", news)
	}
}
