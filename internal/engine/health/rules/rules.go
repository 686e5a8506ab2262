// Package rules judges objects by scripts that somebody else wrote and somebody
// else runs. It decides which objects are worth it, and keeps a script that does
// not end from being run again and again.
package rules

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
)

// Find returns the rule for a kind, if there is one.
type Find func(schema.GroupKind) (syncline.HealthRule, bool)

// Runner runs a rule on an object.
type Runner interface {
	// Run returns what the rule says. An Invalid error means that the script fails
	// on the object; any other, that it was stopped or could not be run, and may do
	// better later.
	Run(ctx context.Context, rule syncline.HealthRule, object map[string]any) (syncline.Health, error)
}

// Options are the choices of a Set.
type Options struct {
	// Find finds the rules. Default: there are none.
	Find Find
	// Runner is required where there are rules.
	Runner Runner
	// Dialects say to which App an object belongs. Default: none, and no object is judged.
	Dialects syncline.Dialects
	// Owner returns whose that App is: a script that ends for none of an owner's Apps is
	// run for those of others all the same. Default: all are one owner's.
	Owner func(app string) string
	// Again is told a kind whose objects are worth judging again, because some
	// could not be judged. Default: nobody is told.
	Again func(schema.GroupKind)
}

// Set judges objects by the rules for their kinds. It is safe for concurrent use.
type Set struct {
	runner Runner
	again  func(schema.GroupKind)
	// dialects say to which App an object belongs, and owner whose that is.
	dialects syncline.Dialects
	owner    func(app string) string

	mu   sync.RWMutex
	find Find
	// known holds what was found for a kind, or nil.
	known map[schema.GroupKind]*syncline.HealthRule
	// guards are by script.
	guards map[string]*guard
}

// New returns a Set.
func New(options Options) *Set {
	s := &Set{
		runner: options.Runner, again: options.Again, dialects: options.Dialects, owner: options.Owner, find: options.Find,
		known: map[schema.GroupKind]*syncline.HealthRule{}, guards: map[string]*guard{},
	}
	if s.find == nil {
		s.find = func(schema.GroupKind) (syncline.HealthRule, bool) { return syncline.HealthRule{}, false }
	}
	if s.owner == nil {
		s.owner = func(string) string { return "" }
	}
	if s.again == nil {
		s.again = func(schema.GroupKind) {}
	}
	return s
}

// Replace finds rules so from now on. It returns the kinds, of those that were
// seen, whose objects may be judged otherwise now.
func (s *Set) Replace(find Find) (changed []schema.GroupKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.find = find
	for kind, before := range s.known {
		after := s.lookUp(kind)
		if before == nil && after == nil || before != nil && after != nil && *before == *after {
			continue
		}
		changed = append(changed, kind)
		if before != nil {
			delete(s.guards, before.Script)
		}
	}
	return changed
}

// Applies reports whether there is a rule for an object's kind. An object that no
// App tracks is not judged: it does not count, and there may be thousands. Nor is a
// Secret, which a script could show.
func (s *Set) Applies(u *unstructured.Unstructured) bool {
	return s.rule(kindOf(u)) != nil && s.appOf(u) != ""
}

// Judge returns what the rule for an object's kind says of it; false when none
// applies. It waits while the script runs for others.
func (s *Set) Judge(ctx context.Context, u *unstructured.Unstructured) (syncline.Health, bool) {
	kind := kindOf(u)
	rule := s.rule(kind)
	if rule == nil {
		return syncline.Health{}, false
	}
	app := s.appOf(u)
	if app == "" {
		return syncline.Health{}, false
	}
	verdict := s.guard(rule.Script).judge(ctx, s.owner(app), app, func() (syncline.Health, error) {
		return s.run(ctx, *rule, u.Object)
	})
	for _, wait := range verdict.retries {
		time.AfterFunc(wait, func() { s.again(kind) })
	}
	if verdict.err != nil {
		return syncline.Health{
			Status: syncline.Unknown, Message: fmt.Sprintf("%s: %v; %s", rule.Origin, verdict.err, rule.Remedy),
		}, true
	}
	return verdict.health, true
}

// longestRun is how long the other objects of a kind wait for one, however busy the
// processes are that run scripts.
const longestRun = 10 * time.Second

// run runs a rule.
func (s *Set) run(ctx context.Context, rule syncline.HealthRule, object map[string]any) (syncline.Health, error) {
	limited, cancel := context.WithTimeout(ctx, longestRun)
	defer cancel()
	health, err := s.runner.Run(limited, rule, object)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return syncline.Health{}, syncline.Errorf(syncline.Stalled, "stopped: it took longer than %s", longestRun)
	}
	return health, err
}

// rule returns the rule for a kind, or nil. It looks for it once.
func (s *Set) rule(kind schema.GroupKind) *syncline.HealthRule {
	s.mu.RLock()
	rule, known := s.known[kind]
	s.mu.RUnlock()
	if known {
		return rule
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lookUp(kind)
}

// lookUp finds the rule for a kind, and remembers it.
func (s *Set) lookUp(kind schema.GroupKind) *syncline.HealthRule {
	s.known[kind] = nil
	if kind == (schema.GroupKind{Kind: "Secret"}) {
		return nil
	}
	if rule, ok := s.find(kind); ok {
		s.known[kind] = &rule
	}
	return s.known[kind]
}

func (s *Set) guard(script string) *guard {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.guards[script] == nil {
		s.guards[script] = newGuard()
	}
	return s.guards[script]
}

// kindOf returns the kind of an object, without its version.
func kindOf(u *unstructured.Unstructured) schema.GroupKind {
	version, _ := u.Object["apiVersion"].(string)
	kind, _ := u.Object["kind"].(string)
	group, _, grouped := strings.Cut(version, "/")
	if !grouped {
		group = ""
	}
	return schema.GroupKind{Group: group, Kind: kind}
}

// appOf returns the App that owns an object, by what the object says; "" when none
// does.
func (s *Set) appOf(u *unstructured.Unstructured) string {
	kind := kindOf(u)
	ref := syncline.Ref{Group: kind.Group, Kind: kind.Kind, Namespace: u.GetNamespace(), Name: u.GetName()}
	instance, _ := s.dialects.Owner(ref, syncline.Content(u.Object))
	return instance
}
