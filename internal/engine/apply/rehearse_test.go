package apply_test

import (
	"slices"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

// refuseNew has every request about "new" answered with an error.
func (s *story) refuseNew(err error) {
	s.Answer = func(r enginetest.Request) error {
		if r.Ref.Name == "new" {
			return err
		}
		return nil
	}
}

// TestNothingIsDeletedForWhatIsRefused holds what an operation that deletes "old" and
// creates "new" does when a creation is refused.
func TestNothingIsDeletedForWhatIsRefused(t *testing.T) {
	fresh := object("ConfigMap", "new", "")
	for name, test := range map[string]struct {
		declared []string
		err      error
		// deleted says whether "old" is.
		deleted bool
		phase   syncline.OperationPhase
	}{
		"by a policy":      {[]string{fresh}, syncline.Errorf(syncline.Denied, "new is denied"), false, syncline.OperationFailed},
		"as invalid":       {[]string{fresh}, syncline.Errorf(syncline.Invalid, "data is missing"), false, syncline.OperationFailed},
		"in a later wave":  {[]string{object("ConfigMap", "new", wave(1))}, syncline.Errorf(syncline.Denied, "no"), false, syncline.OperationFailed},
		"a hook":           {[]string{object("Job", "new", hook("PostSync"))}, syncline.Errorf(syncline.Denied, "no"), false, syncline.OperationFailed},
		"for want of room": {[]string{fresh}, syncline.Errorf(syncline.Denied, "exceeded quota: pods"), true, syncline.OperationFailed},
		"for what is deleted": {
			[]string{fresh}, syncline.Errorf(syncline.Denied, "the host is defined in ingress shop/old"), true, syncline.OperationFailed},
		"not because a namespace is missing": {[]string{fresh}, syncline.Errorf(syncline.NotFound, "no namespace"), true, syncline.OperationFailed},
		"not at all":                         {[]string{fresh}, nil, true, syncline.OperationSucceeded},
		"where what is needed is not there yet": {
			[]string{object("Namespace", "new", ""), fresh}, nil, true, syncline.OperationSucceeded},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(object("ConfigMap", "old", ""), object("ConfigMap", "stays", ""))
			s.on(t)
			s.begin(syncline.Operation{Prune: true})
			s.declare(append(test.declared, object("ConfigMap", "stays", ""))...)
			s.refuseNew(test.err)
			s.wrote()
			s.on(t)
			if deleted := slices.Contains(s.wrote(), "prune ConfigMap/shop/old"); deleted != test.deleted {
				t.Errorf("deleted: %v", deleted)
			}
			s.expectPhase(t, test.phase, "")
		})
	}
}

// Nothing is asked for an operation that deletes nothing.
func TestNoRehearsalWithoutADeletion(t *testing.T) {
	for name, op := range map[string]syncline.Operation{"nothing to delete": {Prune: true}, "no prune": {}} {
		t.Run(name, func(t *testing.T) {
			s := tell(object("ConfigMap", "old", ""))
			s.on(t)
			s.begin(op)
			declared := []string{object("ConfigMap", "new", "")}
			if op.Prune {
				declared = append(declared, object("ConfigMap", "old", ""))
			}
			s.declare(declared...)
			s.Requests()
			s.on(t)
			for _, r := range s.Requests() {
				if r.Verb == enginetest.DryRun || r.Verb == enginetest.Rehearse {
					t.Errorf("it is asked for %s", r)
				}
			}
		})
	}
}

// TestNoHookRunsForWhatIsInvalid holds what an operation with a hook does when an
// object that comes later is refused.
func TestNoHookRunsForWhatIsInvalid(t *testing.T) {
	for name, test := range map[string]struct {
		err error
		ran bool
	}{
		"as invalid":                     {syncline.Errorf(syncline.Invalid, "spec.replica is not known"), false},
		"by a policy":                    {syncline.Errorf(syncline.Denied, "denied"), true},
		"because a namespace is missing": {syncline.Errorf(syncline.NotFound, "no namespace"), true},
		"not at all":                     {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(object("ConfigMap", "stays", ""))
			s.on(t)
			s.begin(syncline.Operation{})
			s.declare(object("Job", "migrate", hook("PreSync")), object("ConfigMap", "new", ""), object("ConfigMap", "stays", ""))
			s.refuseNew(test.err)
			s.wrote()
			s.on(t)
			if ran := len(s.wrote()) > 0; ran != test.ran {
				t.Errorf("the hook ran: %v", ran)
			}
			if !test.ran {
				s.expectPhase(t, syncline.OperationFailed, "no hook was run")
			}
		})
	}
}
