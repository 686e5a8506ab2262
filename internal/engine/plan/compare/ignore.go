package compare

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
)

// Expressions removes fields by jq expressions.
type Expressions interface {
	// Remove returns the object without the paths that the expression yields; all
	// of it where the expression fails on it. An Invalid error says that the
	// expression cannot be obeyed, such as one that does not end. What it takes is of
	// the project's share.
	Remove(ctx context.Context, project, expression string, object map[string]any) (map[string]any, error)
}

// What the jq expressions of one App may be and take. They are tried one after the
// other, and each may be stopped by a limit of its own.
const (
	maxExpressions = 200
	maxExpression  = 16 << 10
	// maxStopped is how many of them may have to be stopped before the others are
	// not tried.
	maxStopped = 2
	// slowExpression is how long one takes that had to be stopped.
	slowExpression = time.Second
	// maxExpressionTime is for all that a plan asks of them.
	maxExpressionTime = 30 * time.Second
)

// Ignored is what an App ignores of its objects: its rules, and what is known of their
// jq expressions. It is safe for concurrent use.
type Ignored struct {
	expressions Expressions
	// project is that of the App, whose rules these are.
	project string
	rules   []syncline.IgnoreRule

	mu sync.Mutex
	// verdicts say why expressions cannot be obeyed; "" when they can.
	verdicts map[string]string
	// took is how long they have taken in this plan, and stopped how many of them
	// had to be stopped.
	took    time.Duration
	stopped int
}

// NewIgnored returns what an App ignores, of whose expressions verdicts are known; see
// [Ignored.Verdicts].
func NewIgnored(from Expressions, app syncline.App, verdicts map[string]string) *Ignored {
	return &Ignored{expressions: from, project: app.Project, rules: app.Ignore, verdicts: stillAsked(verdicts, app.Ignore)}
}

// stillAsked returns the verdicts on expressions that the rules still have.
func stillAsked(verdicts map[string]string, rules []syncline.IgnoreRule) map[string]string {
	asked := map[string]string{}
	for _, rule := range rules {
		for _, expression := range rule.JQPathExpressions {
			if why, known := verdicts[expression]; known {
				asked[expression] = why
			}
		}
	}
	return asked
}

// Verdicts say why expressions cannot be obeyed, "" when they can. Callers ask when
// nobody else uses it.
func (e *Ignored) Verdicts() map[string]string { return e.verdicts }

// spent is an error when the expressions have taken all the time that they have.
func (e *Ignored) spent() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.took < maxExpressionTime {
		return nil
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Transient, "ignoreDifferences: the jq expressions took longer than %s", maxExpressionTime),
		"use fewer or simpler ones, or jsonPointers")
}

// known returns the verdict on an expression, if there is one.
func (e *Ignored) known(expression string) (why string, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	why, ok = e.verdicts[expression]
	return why, ok
}

// remove removes what an expression yields. One that cannot be obeyed removes
// nothing: the difference shows. It is not tried again.
func (e *Ignored) remove(ctx context.Context, expression string, object map[string]any) (map[string]any, error) {
	if why, _ := e.known(expression); why != "" {
		return object, nil
	}
	if err := e.spent(); err != nil {
		return nil, err
	}
	began := time.Now()
	stripped, err := e.expressions.Remove(ctx, e.project, expression, object)
	if err != nil && syncline.KindOf(err) != syncline.Invalid {
		return nil, fmt.Errorf("ignoreDifferences: the jq expression %q: %w", expression, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.took += time.Since(began)
	if e.verdicts[expression] = ""; err != nil {
		e.verdicts[expression] = err.Error()
		if time.Since(began) >= slowExpression {
			e.stopped++
		}
		return object, nil
	}
	return stripped, nil
}

// rules are those that concern one object.
type rules struct {
	of    *Ignored
	those []syncline.IgnoreRule
	// secret says that the object is a Secret.
	secret bool
	// trusted are the fields of managers that the rules name, as managedFields
	// hold them.
	trusted []map[string]any
}

// rulesFor returns the rules that concern an object.
func (e *Ignored) rulesFor(ref syncline.Ref) rules {
	found := rules{of: e, secret: ref.Group == "" && ref.Kind == "Secret"}
	for _, rule := range e.rules {
		if rule.Group.Matches(ref.Group) && rule.Kind.Matches(ref.Kind) &&
			(rule.Name == "" || rule.Name == ref.Name) &&
			(rule.Namespace == "" || rule.Namespace == ref.Namespace) {
			found.those = append(found.those, rule)
		}
	}
	return found
}

// strip removes what the rules ignore. A rule that does not apply to the object
// removes nothing.
func (r rules) strip(ctx context.Context, object map[string]any) (map[string]any, error) {
	for _, fields := range r.trusted {
		object, _ = withoutFields(object, fields).(map[string]any)
	}
	for _, rule := range r.those {
		for _, pointer := range rule.JSONPointers {
			removePointer(object, strings.Split(strings.TrimPrefix(pointer, "/"), "/"))
		}
		remove := r.of.remove
		if r.secret {
			remove = r.of.removeUnseen
		}
		for _, expression := range rule.JQPathExpressions {
			var err error
			if object, err = remove(ctx, expression, object); err != nil {
				return nil, err
			}
		}
	}
	return object, nil
}

// removePointer removes the value at a JSON pointer (RFC 6901).
func removePointer(value any, tokens []string) {
	token := strings.NewReplacer("~1", "/", "~0", "~").Replace(tokens[0])
	switch parent := value.(type) {
	case map[string]any:
		if len(tokens) == 1 {
			delete(parent, token)
			return
		}
		if list, ok := parent[token].([]any); ok && len(tokens) == 2 {
			parent[token] = withoutIndex(list, tokens[1])
			return
		}
		removePointer(parent[token], tokens[1:])
	case []any:
		index, err := strconv.Atoi(token)
		if err == nil && index >= 0 && index < len(parent) && len(tokens) > 1 {
			removePointer(parent[index], tokens[1:])
		}
	}
}

func withoutIndex(list []any, token string) []any {
	index, err := strconv.Atoi(token)
	if err != nil || index < 0 || index >= len(list) {
		return list
	}
	return append(append([]any{}, list[:index]...), list[index+1:]...)
}

// Check tries every jq expression once, so that it is known before
// anything drifts which of them cannot be obeyed.
func (e *Ignored) Check(ctx context.Context) error {
	count := 0
	for _, rule := range e.rules {
		for _, expression := range rule.JQPathExpressions {
			if count++; count > maxExpressions {
				return syncline.Errorf(syncline.Invalid, "ignoreDifferences: there are more than %d jq expressions", maxExpressions)
			}
			if err := e.try(ctx, expression); err != nil {
				return err
			}
		}
	}
	return nil
}

// try learns whether an expression can be obeyed, unless that is known or enough
// others of the App cannot.
func (e *Ignored) try(ctx context.Context, expression string) error {
	if _, known := e.known(expression); known {
		return nil
	}
	if len(expression) > maxExpression {
		return syncline.Errorf(syncline.Invalid, "ignoreDifferences: a jq expression of %d bytes is longer than %d", len(expression), maxExpression)
	}
	if e.stopped >= maxStopped {
		return syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "ignoreDifferences: %d jq expressions cannot be obeyed, the others are not tried: %s",
				e.stopped, strings.Join(e.faults(), "; ")), "mend them")
	}
	_, err := e.remove(ctx, expression, map[string]any{})
	return err
}

// faults says which expressions cannot be obeyed, in an order of their own.
func (e *Ignored) faults() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var found []string
	for _, expression := range slices.Sorted(maps.Keys(e.verdicts)) {
		if why := e.verdicts[expression]; why != "" {
			found = append(found, fmt.Sprintf("%q: %s", expression, why))
		}
	}
	return found
}

// Faults says of the expressions that are not obeyed why, rule by rule.
func (e *Ignored) Faults() []string {
	var faults []string
	for _, rule := range e.rules {
		for _, expression := range rule.JQPathExpressions {
			if why, _ := e.known(expression); why != "" {
				faults = append(faults, fmt.Sprintf("ignoreDifferences: the jq expression %q is not obeyed: %s", expression, why))
			}
		}
	}
	return faults
}
