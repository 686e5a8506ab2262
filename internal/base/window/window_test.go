package window_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline/internal/base/window"
)

func mustNew(t *testing.T, schedule, duration, zone string) window.Window {
	t.Helper()
	w, err := window.New(schedule, duration, zone)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestAt(t *testing.T) {
	for _, test := range []struct {
		name, schedule, duration, zone string
		at                             string
		open                           bool
		until                          string
	}{
		{"before", "0 22 * * *", "1h", "", "2026-03-01T21:59:59Z", false, "2026-03-01T22:00:00Z"},
		{"from its minute", "0 22 * * *", "1h", "", "2026-03-01T22:00:00Z", true, "2026-03-01T23:00:00Z"},
		{"to its end", "0 22 * * *", "1h", "", "2026-03-01T22:59:59Z", true, "2026-03-01T23:00:00Z"},
		{"not at its end", "0 22 * * *", "1h", "", "2026-03-01T23:00:00Z", false, "2026-03-02T22:00:00Z"},
		{"over midnight", "0 23 * * *", "2h", "", "2026-03-02T00:30:00Z", true, "2026-03-02T01:00:00Z"},
		{"on the clock of its zone", "0 22 * * *", "1h", "Asia/Kolkata", "2026-03-01T16:45:00Z", true, "2026-03-01T17:30:00Z"},
		{"a day of the week", "0 0 * * 6", "48h", "", "2026-11-29T12:00:00Z", true, "2026-11-30T00:00:00Z"},
		{"by a name", "@daily", "1h", "", "2026-03-01T00:10:00Z", true, "2026-03-01T01:00:00Z"},
		{"one after the other", "0 * * * *", "90m", "", "2026-03-01T00:10:00Z", true, ""},
		{"in summer", "30 8 * * *", "1h", "Europe/Berlin", "2026-07-01T06:30:00Z", true, "2026-07-01T07:30:00Z"},
		{"in winter", "30 8 * * *", "1h", "Europe/Berlin", "2026-12-01T07:30:00Z", true, "2026-12-01T08:30:00Z"},
		{"tomorrow the clock is put forward", "30 8 * * *", "1h", "Europe/Berlin", "2026-03-28T20:00:00Z", false, "2026-03-29T06:30:00Z"},
		{"in an hour that is left out", "30 2 * * *", "1h", "Europe/Berlin", "2026-03-29T01:00:00Z", true, "2026-03-29T02:00:00Z"},
		{"before that hour", "30 2 * * *", "1h", "Europe/Berlin", "2026-03-29T00:59:00Z", false, "2026-03-29T01:00:00Z"},
		{"in an hour that comes twice, the first time", "30 2 * * *", "20m", "Europe/Berlin", "2026-10-25T00:40:00Z", true, "2026-10-25T00:50:00Z"},
		{"and not the second time", "30 2 * * *", "20m", "Europe/Berlin", "2026-10-25T01:40:00Z", false, "2026-10-26T01:30:00Z"},
		{"but if it opens every hour", "30 * * * *", "20m", "Europe/Berlin", "2026-10-25T01:40:00Z", true, "2026-10-25T01:50:00Z"},
		{"half an hour", "0 2 * * *", "10m", "Australia/Lord_Howe", "2026-10-03T15:35:00Z", true, "2026-10-03T15:40:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, test.at)
			if err != nil {
				t.Fatal(err)
			}
			open, until := mustNew(t, test.schedule, test.duration, test.zone).At(at)
			if got := until.UTC().Format(time.RFC3339); open != test.open || test.until != "" && got != test.until {
				t.Errorf("it is open: %t until %s, want %t until %s", open, got, test.open, test.until)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct{ schedule, duration, zone, want string }{
		{"", "1h", "", "schedule"},
		{"* * * *", "1h", "", "schedule"},
		{"* * * * * *", "1h", "", "schedule"},
		{"61 * * * *", "1h", "", "schedule"},
		{"@every 1h", "1h", "", "only five cron fields"},
		{"CRON_TZ=UTC * * * * *", "1h", "", "only five cron fields"},
		{"0 0 30 2 *", "1h", "", "there is no such day"},
		{"* * * * *", "", "", "duration"},
		{"* * * * *", "0s", "", "more than nothing"},
		{"* * * * *", "-1h", "", "more than nothing"},
		{"* * * * *", "9000h", "", "at most a year"},
		{"* * * * *", "1h", "Mars/Olympus", "time zone"},
		{"* * * * *", "1h", "../../etc/passwd", "time zone"},
	} {
		if _, err := window.New(test.schedule, test.duration, test.zone); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

// model is a window by brute force: it looks at every minute that passes.
type model struct {
	fields   [5][]int // minute, hour, day, month, day of the week; nil for all
	duration time.Duration
	place    *time.Location
}

// opens returns the minutes of a span in which the window opens.
func (m model) opens(from, to time.Time) map[time.Time]bool {
	found, shown := map[time.Time]bool{}, map[string]bool{}
	for t := from; t.Before(to); t = t.Add(time.Minute) {
		wall := t.In(m.place)
		const layout = "2006-01-02 15:04"
		first := !shown[wall.Format(layout)]
		shown[wall.Format(layout)] = true
		if m.matches(wall.Minute(), wall.Hour(), wall.Day(), wall.Month(), wall.Weekday()) && (first || m.fields[1] == nil) {
			found[t] = true
		}
		_, before := t.Add(-time.Minute).In(m.place).Zone()
		_, after := wall.Zone()
		for left := before; left < after; left += 60 { // what the clock was put forward over
			out := t.UTC().Add(time.Duration(left) * time.Second)
			if m.matches(out.Minute(), out.Hour(), out.Day(), out.Month(), out.Weekday()) {
				found[t] = true
			}
		}
	}
	return found
}

func (m model) matches(minute, hour, day int, month time.Month, weekday time.Weekday) bool {
	in := func(field, value int) bool { return m.fields[field] == nil || slices.Contains(m.fields[field], value) }
	days := in(2, day) && in(4, int(weekday))
	if m.fields[2] != nil && m.fields[4] != nil { // cron: either
		days = in(2, day) || in(4, int(weekday))
	}
	return in(0, minute) && in(1, hour) && in(3, int(month)) && days
}

func (m model) schedule() string {
	var texts []string
	for _, field := range m.fields {
		text := "*"
		if field != nil {
			var values []string
			for _, value := range field {
				values = append(values, strconv.Itoa(value))
			}
			text = strings.Join(values, ",")
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

// What a window says at any minute is what looking at every minute finds, also where clocks are put forward and back.
func TestAtEqualsBruteForce(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	changes := map[string][]string{ // around which time is looked at
		"Europe/Berlin":       {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-06-30T22:00:00Z"},
		"America/New_York":    {"2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"},
		"Australia/Lord_Howe": {"2026-10-03T15:30:00Z", "2026-04-04T15:00:00Z"},
		"Asia/Kolkata":        {"2026-01-31T18:30:00Z"},
		"UTC":                 {"2028-02-28T23:00:00Z"},
	}
	for zone, times := range changes {
		for _, around := range times {
			for range 3 {
				m := draw(t, random, zone)
				text := fmt.Sprintf("%s for %s in %s, seed %d", m.schedule(), m.duration, zone, seed)
				w := mustNew(t, m.schedule(), m.duration.String(), zone)
				middle, err := time.Parse(time.RFC3339, around)
				if err != nil {
					t.Fatal(err)
				}
				from, to := middle.Add(-3*time.Hour), middle.Add(6*time.Hour)
				compare(t, text, m.opens(from.Add(-m.duration-time.Hour), to), m.duration, w, from, to)
			}
		}
	}
}

func compare(t *testing.T, text string, opens map[time.Time]bool, duration time.Duration, w window.Window, from, to time.Time) {
	t.Helper()
	left := time.Duration(0)
	for at := from.Add(-duration - time.Hour); at.Before(to); at = at.Add(time.Minute) {
		if opens[at] {
			left = duration
		}
		if open, until := w.At(at); !at.Before(from) && (open != (left > 0) || !until.After(at) && !until.IsZero()) {
			t.Fatalf("%s: at %s it is open: %t until %s, and every minute says %t", text, at.Format(time.RFC3339), open, until, left > 0)
		}
		left -= time.Minute
	}
}

// draw returns a random window.
func draw(t *testing.T, random *rand.Rand, zone string) model {
	t.Helper()
	place, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	m := model{place: place, duration: time.Duration(1+random.IntN(300)) * time.Minute}
	for field, bounds := range [5][2]int{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}} {
		if random.IntN(3) > 0 && field != 0 {
			continue // all
		}
		for range 1 + random.IntN(4) {
			m.fields[field] = append(m.fields[field], bounds[0]+random.IntN(bounds[1]-bounds[0]+1))
		}
		if field == 3 {
			m.fields[field] = append(m.fields[field], 3, 10)
		}
	}
	return m
}
