package view

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/visible"
)

// Whatever a text holds that a terminal shows, none of it acts on the terminal.
func FuzzClean(f *testing.F) {
	f.Add("\x1b]52;c;eA==\x07\u202e\ufdd0\x9b31m\r\n\t")
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, text string) {
		bound.Limits{}.Run(t, func() {
			if got := visible.Text(text); strings.ContainsAny(got, "\x1b\x07\u009b\u202e") {
				t.Errorf("%q is left of %q", got, text)
			}
			clip(text, 20)
		})
	})
}

// Whatever an App and its report say, they are drawn.
func FuzzApp(f *testing.F) {
	f.Add("web", "https://git.example.com/a", "main", "\x1b[2J", "ConfigMap")
	f.Add("", "", "\u202e", strings.Repeat("x", 300), "\n")
	f.Fuzz(func(t *testing.T, name, address, revision, message, kind string) {
		bound.Limits{}.Run(t, func() {
			app := syncline.App{
				ID: syncline.AppID{Group: "argoproj.io", Kind: "Application", Name: name}, Project: name,
				Sources: []syncline.Source{{RepoURL: address, TargetRevision: revision, Path: message}},
			}
			report := syncline.Report{
				Revisions:  []string{revision},
				Conditions: []syncline.Condition{{Type: syncline.SyncError, Message: message}},
				Objects:    []syncline.ObjectReport{{Ref: syncline.Ref{Kind: kind, Name: name}}},
			}
			App(app, report, Showing{Wide: true, Operation: true, Parameters: true}, Palette{})
			Objects(report, true, Palette{})
		})
	})
}

// Whatever a plan changes, from whatever to whatever.
func FuzzDiff(f *testing.F) {
	f.Add("/spec/a", "one\ntwo", "\x1b[1m")
	f.Add("", "---\n- a", "{{")
	f.Fuzz(func(t *testing.T, path, live, desired string) {
		bound.Limits{}.Run(t, func() {
			Diff(syncline.Plan{Changes: []syncline.Change{{
				Ref: syncline.Ref{Kind: "ConfigMap", Name: live}, Action: syncline.Update, Why: desired,
				Fields: []syncline.Field{{Path: path, Live: live, Desired: map[string]any{desired: []any{live, int64(1)}}}},
			}}}, Palette{})
		})
	})
}
