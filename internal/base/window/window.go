// Package window says when something is allowed or denied by the clock, as the sync
// windows of Argo CD do (Argo CD: user guide, sync windows).
package window

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Window is a time that comes again and again. [New] makes one.
type Window struct {
	schedule string
	spec     cron.SpecSchedule
	duration time.Duration
	place    *time.Location
}

// longest is how long a window may be open: what is longer never closes in practice, and
// a search for when it opened would be long too.
const longest = 366 * 24 * time.Hour

// New returns the window that opens by a schedule of five cron fields, or of a name such
// as @daily, on the clock of a time zone, "" for UTC, and stays open for a duration such
// as 1h30m. The error says which of them cannot be read.
func New(schedule, duration, zone string) (Window, error) {
	if strings.Contains(schedule, "=") || strings.HasPrefix(schedule, "@every") {
		return Window{}, fmt.Errorf("schedule %q: only five cron fields, or @hourly to @yearly, are understood", schedule)
	}
	parsed, err := cron.ParseStandard(schedule)
	if err != nil {
		return Window{}, fmt.Errorf("schedule %q: %w", schedule, err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Window{}, fmt.Errorf("schedule %q: only five cron fields are understood", schedule)
	}
	spec.Location = time.UTC // it is asked for the time on the wall, see walls
	if spec.Next(time.Unix(0, 0).UTC()).IsZero() {
		return Window{}, fmt.Errorf("schedule %q: there is no such day", schedule)
	}
	open, err := time.ParseDuration(duration)
	if err == nil && (open <= 0 || open > longest) {
		err = errors.New("it has to be more than nothing, and at most a year")
	}
	if err != nil {
		return Window{}, fmt.Errorf("duration %q: %w", duration, err)
	}
	place, err := time.LoadLocation(zone)
	if err != nil {
		return Window{}, fmt.Errorf("time zone %q is not known: use a name such as Europe/Berlin", zone)
	}
	return Window{schedule: schedule, spec: *spec, duration: open, place: place}, nil
}

// String returns when it opens and for how long, for people.
func (w Window) String() string {
	return fmt.Sprintf("%q for %s in %s", w.schedule, w.duration, w.place)
}

// everyHour are the bits of all hours of a day.
const everyHour = 1<<24 - 1

// slack is more than clocks are put forward or back.
const slack = 3 * time.Hour

// At reports whether the window is open at a time, and until when it stays so at least.
// It is open from the minute in which it opens, and for its duration by no clock but that
// of time passing. What falls into an hour that the clock leaves out opens at its end. In
// an hour that comes twice, what opens every hour opens twice, and all else the first time.
func (w Window) At(t time.Time) (open bool, until time.Time) {
	opened, found := w.firstAfter(t.Add(-w.duration), t)
	if !found {
		next, _ := w.firstAfter(t, time.Time{})
		return false, next
	}
	until = opened.Add(w.duration)
	for range 32 { // windows that follow each other at once
		again, found := w.firstAfter(until.Add(-w.duration), until)
		if !found {
			break
		}
		until = again.Add(w.duration)
	}
	return true, until
}

// firstAfter returns the first time after a time, and not after a last one, at which the
// window opens. With the zero last it looks for some years.
func (w Window) firstAfter(after, last time.Time) (first time.Time, found bool) {
	limit := last
	for wall := w.spec.Next(onTheWall(after.In(w.place)).Add(-slack)); !wall.IsZero(); wall = w.spec.Next(wall) {
		if !limit.IsZero() && wall.Sub(onTheWall(limit.In(w.place))) > slack {
			break
		}
		for _, opens := range w.instants(wall) {
			if opens.After(after) && (!found || opens.Before(first)) {
				first, found, limit = opens, true, opens
			}
		}
	}
	return first, found && (last.IsZero() || !first.After(last))
}

// onTheWall returns what a clock shows, as a time of UTC.
func onTheWall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// instants returns when the window opens at a time on the wall: once, or for each time
// that the clock shows it.
func (w Window) instants(wall time.Time) []time.Time {
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, w.place)
	began, ends := t.ZoneBounds()
	switch shown := onTheWall(t); {
	case shown.After(wall): // the clock was put forward over it
		return []time.Time{began}
	case shown.Before(wall):
		return []time.Time{ends}
	}
	instants := []time.Time{t}
	if first := t.Add(forward(began)); first.Before(t) && onTheWall(first.In(w.place)).Equal(wall) {
		instants = []time.Time{first, t}
	}
	if second := t.Add(-forward(ends)); second.After(t) && onTheWall(second.In(w.place)).Equal(wall) {
		instants = []time.Time{t, second}
	}
	if w.spec.Hour&everyHour != everyHour {
		instants = instants[:1]
	}
	return instants
}

// forward returns by how much the clock is put forward at a time: less than nothing when
// it is put back.
func forward(at time.Time) time.Duration {
	if at.IsZero() { // the clock never was, or never will be
		return 0
	}
	_, before := at.Add(-time.Nanosecond).Zone()
	_, after := at.Zone()
	return time.Duration(after-before) * time.Second
}
