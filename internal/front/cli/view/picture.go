package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/base/visible"
)

// Level says what a Row means to a person.
type Level int

// The levels, in the order in which rows are dropped when there is no room.
const (
	LevelGood Level = iota
	LevelPending
	LevelNote
	LevelBusy
	LevelBad
)

// Row is one object in a Picture.
type Row struct {
	Ref   syncline.Ref
	Phase syncline.Phase
	Wave  int
	// Gone says that the status lists the object no more, and thus not its wave.
	Gone bool
	Hook bool
	// State is one word; Detail says more, and may be empty.
	State  string
	Level  Level
	Detail string
}

// Picture is what a sync looks like at one moment.
type Picture struct {
	App       syncline.AppID
	Revisions []string
	// State is Pending until the operation begins, then its phase.
	State   string
	Message string
	// Elapsed is zero until the operation begins.
	Elapsed time.Duration
	// Rows are in the order of the operation.
	Rows []Row
	// Waiting says what it waits for.
	Waiting []string
}

// Moment is what a Report does not say.
type Moment struct {
	// Pending says that the operation in the report is still the one before.
	Pending bool
	// Waiting says what the operation waits for.
	Waiting []string
	Now     time.Time
}

// PictureOf returns the picture of the operation in report.
func PictureOf(report syncline.Report, moment Moment) Picture {
	picture := Picture{App: report.App, State: "Pending"}
	operation := report.Operation
	if moment.Pending || operation == nil {
		return picture
	}
	picture.State = string(operation.Phase)
	picture.Message = visible.Line(operation.Message)
	picture.Revisions = operation.Revisions
	end := moment.Now
	if operation.Phase.Done() && !operation.FinishedAt.IsZero() {
		end = operation.FinishedAt
	}
	picture.Elapsed = max(0, end.Sub(operation.StartedAt))
	picture.Rows = rowsOf(report)
	if !operation.Phase.Done() {
		picture.Waiting = moment.Waiting
	}
	return picture
}

func rowsOf(report syncline.Report) []Row {
	known := map[syncline.Ref]syncline.ObjectReport{}
	for _, object := range report.Objects {
		known[object.Ref] = object
	}
	var rows []Row
	started := map[syncline.Ref]bool{}
	for _, result := range report.Operation.Results {
		started[result.Ref] = true
		object, listed := known[result.Ref]
		row := resultRow(result, object)
		row.Gone = !listed
		if report.Operation.Phase.Done() && row.Level == LevelBusy {
			row.State, row.Level, row.Detail = string(cmp.Or(result.Code, syncline.ResultSynced)), LevelGood, visible.Line(result.Message)
		}
		rows = append(rows, row)
	}
	if !report.Operation.Phase.Done() {
		rows = append(rows, pendingRows(report, started)...)
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Phase.Order(), b.Phase.Order()), cmp.Compare(a.Wave, b.Wave))
	})
	return rows
}

// pendingRows are the objects that the operation has yet to come to.
func pendingRows(report syncline.Report, started map[syncline.Ref]bool) []Row {
	var rows []Row
	operation := report.Operation.Operation
	selects := operation.Selects()
	for _, object := range report.Objects {
		selected := !operation.Partial() || selects(object.Ref)
		if started[object.Ref] || object.Hook || !selected || object.Sync != syncline.OutOfSync {
			continue
		}
		rows = append(rows, Row{Ref: object.Ref, Phase: syncline.Sync, Wave: object.Wave, State: "Pending", Level: LevelPending})
	}
	return rows
}

func resultRow(result syncline.ObjectResult, object syncline.ObjectReport) Row {
	row := Row{
		Ref: result.Ref, Phase: result.Phase, Wave: object.Wave, Hook: result.HookType != "",
		State: string(result.Code), Level: LevelGood, Detail: visible.Line(result.Message),
	}
	switch {
	case result.Code == syncline.ResultFailed, result.State == syncline.OperationFailed, result.State == syncline.OperationError:
		row.State, row.Level = "Failed", LevelBad
	case result.State == syncline.OperationRunning:
		row.State, row.Level = "Running", LevelBusy
		if health := object.Health; !row.Hook && health.Status != syncline.NoHealth && health.Status != syncline.Healthy {
			row.State, row.Detail = string(health.Status), visible.Line(cmp.Or(health.Message, result.Message))
		}
	case result.Code == syncline.ResultPruneSkipped:
		row.Level = LevelNote
	case row.State == "":
		row.State = string(result.State)
	}
	return row
}

// Title says what the picture is of, on one line.
func (p Picture) Title() string {
	title := "Sync of " + p.App.String()
	if len(p.Revisions) > 0 {
		title += " to " + strings.Join(Short(p.Revisions), ", ")
	}
	return title
}

// Short shortens commits, shows of charts the versions, and leaves other revisions.
func Short(revisions []string) []string {
	short := make([]string, 0, len(revisions))
	for _, revision := range upstream.Versions(revisions) {
		if len(revision) == 40 && strings.Trim(revision, "0123456789abcdef") == "" {
			revision = revision[:7]
		}
		short = append(short, revision)
	}
	return short
}

// Step names the part of an operation that a row belongs to.
func (r Row) Step() string {
	step := visible.Line(string(cmp.Or(r.Phase, syncline.Sync)))
	if !r.Gone && (r.Wave != 0 || r.Phase == syncline.Sync) {
		step += fmt.Sprintf(" wave %d", r.Wave)
	}
	return step
}
