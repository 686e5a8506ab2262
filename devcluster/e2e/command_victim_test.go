package e2e_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const (
	// deliveries are how many tell how long one takes, usually and beside an attack: one may be slow by chance, so that
	// medians are compared.
	deliveries = 5
	// least is the shortest time that a usual delivery counts as. Of what is shorter the most is waiting for single requests,
	// and one of them that is late doubles it.
	least = 250 * time.Millisecond
)

// victim is what a script knows of an Application whose commits are to arrive whatever others do.
type victim struct {
	stamps int
	// usual is the median of its deliveries beside nothing, the longest of those that were taken.
	usual time.Duration
	// beside are its deliveries beside attacks, which are judged when it is known how long they take usually.
	beside []delivery
}

// delivery is how long a victim's commits took to arrive beside an attack.
type delivery struct {
	attack string
	median time.Duration
	all    []time.Duration
}

// delivered FOLDER APP CONFIGMAP usual|ATTACK commits changes of FOLDER/stamp.yaml one after the other and waits each time
// until the ConfigMap has it. With "usual" it learns how long that takes; when it is told so again, behind the attacks, it
// judges them: beside none may a commit have taken more than twice as long. So the two ends of a script tell whether the
// machine became slower meanwhile.
func delivered(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) != 4 {
		return errUsage
	}
	now := delivery{attack: args[3]}
	for range deliveries {
		took, err := s.deliver(ts, args)
		if err != nil {
			return err
		}
		now.all = append(now.all, took)
	}
	slices.Sort(now.all)
	now.median = now.all[deliveries/2]
	if now.attack != "usual" {
		s.victim.beside = append(s.victim.beside, now)
		return nil
	}
	s.victim.usual = max(s.victim.usual, now.median, least)
	ts.Logf("usually a commit takes %s: %v", now.median, now.all)
	judged := s.victim.beside
	s.victim.beside = nil
	return s.victim.judge(ts, judged)
}

// judge is an error for what took more than twice as long as usually.
func (v *victim) judge(ts *testscript.TestScript, all []delivery) error {
	var late []error
	for _, d := range all {
		times := float64(d.median) / float64(v.usual)
		ts.Logf("beside %s it takes %s, %.1f times as long: %v", d.attack, d.median, times, d.all)
		if times > 2 {
			late = append(late, fmt.Errorf("beside %s a commit takes %s (of %v), and usually %s", d.attack, d.median, d.all, v.usual))
		}
	}
	return errors.Join(late...)
}

// deliver has a commit delivered, and returns how long that took.
func (s *script) deliver(ts *testscript.TestScript, args []string) (time.Duration, error) {
	folder, app, where := args[0], args[1], s.where("configmap", args[2])
	repository, _, _ := strings.Cut(folder, "/")
	s.victim.stamps++
	stamp := strconv.Itoa(s.victim.stamps)
	text := fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {stamp: %q}\n", where.name, stamp)
	if err := writeFile(filepath.Join(ts.MkAbs(folder), "stamp.yaml"), text); err != nil {
		return 0, err
	}
	if err := commit(s, ts, []string{repository}); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := refresh(s, ts, []string{app}); err != nil {
		return 0, err
	}
	err := s.cluster.api.await(s.ctx, where, []condition{{".data.stamp", stamp}})
	return time.Since(began), err
}
