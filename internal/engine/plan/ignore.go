package plan

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/syncline-io/syncline"
)

// Expressions removes fields by jq expressions.
type Expressions interface {
	// Remove returns the object without the paths that the expression yields; all
	// of it where the expression fails on it. An Invalid error says that the
	// expression cannot be obeyed, such as one that does not end.
	Remove(ctx context.Context, expression string, object map[string]any) (map[string]any, error)
}

// expressions are the jq expressions of one App, and what is known of them. It is safe for
// concurrent use.
type expressions struct {
	Expressions
	mu sync.Mutex
	// verdicts say why expressions cannot be obeyed; "" when they can.
	verdicts map[string]string
}

// known returns the verdict on an expression, if there is one.
func (e *expressions) known(expression string) (why string, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	why, ok = e.verdicts[expression]
	return why, ok
}

// remove removes what an expression yields. One that cannot be obeyed removes
// nothing: the difference shows. It is not tried again.
func (e *expressions) remove(ctx context.Context, expression string, object map[string]any) (map[string]any, error) {
	if why, _ := e.known(expression); why != "" {
		return object, nil
	}
	stripped, err := e.Remove(ctx, expression, object)
	if err != nil && syncline.KindOf(err) != syncline.Invalid {
		return nil, fmt.Errorf("ignoreDifferences: the jq expression %q: %w", expression, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.verdicts[expression] = ""; err != nil {
		e.verdicts[expression] = err.Error()
		return object, nil
	}
	return stripped, nil
}

// ignoreRules are the rules that concern one object.
type ignoreRules struct {
	expressions *expressions
	rules       []syncline.IgnoreRule
	// trusted are the fields of managers that the rules name, as managedFields
	// hold them.
	trusted []map[string]any
}

// rulesFor returns the rules of the App that concern an object.
func (b *build) rulesFor(ref syncline.Ref) ignoreRules {
	found := ignoreRules{expressions: b.expressions}
	for _, rule := range b.App.Ignore {
		if rule.Group.Matches(ref.Group) && rule.Kind.Matches(ref.Kind) &&
			(rule.Name == "" || rule.Name == ref.Name) &&
			(rule.Namespace == "" || rule.Namespace == ref.Namespace) {
			found.rules = append(found.rules, rule)
		}
	}
	return found
}

// strip removes what the rules ignore. A rule that does not apply to the object
// removes nothing.
func (r ignoreRules) strip(ctx context.Context, object map[string]any) (map[string]any, error) {
	for _, fields := range r.trusted {
		object, _ = withoutFields(object, fields).(map[string]any)
	}
	for _, rule := range r.rules {
		for _, pointer := range rule.JSONPointers {
			removePointer(object, strings.Split(strings.TrimPrefix(pointer, "/"), "/"))
		}
		for _, expression := range rule.JQPathExpressions {
			var err error
			if object, err = r.expressions.remove(ctx, expression, object); err != nil {
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

// checkIgnore tries every jq expression once, so that it is known before
// anything drifts which of them cannot be obeyed.
func (b *build) checkIgnore(ctx context.Context) error {
	for _, rule := range b.App.Ignore {
		for _, expression := range rule.JQPathExpressions {
			if _, known := b.expressions.known(expression); known {
				continue
			}
			if _, err := b.expressions.remove(ctx, expression, map[string]any{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// warnIgnore warns of jq expressions that are not obeyed.
func (b *build) warnIgnore(context.Context) error {
	for _, rule := range b.App.Ignore {
		for _, expression := range rule.JQPathExpressions {
			if why, _ := b.expressions.known(expression); why != "" {
				b.warn(syncline.InvalidSpecError, fmt.Sprintf("ignoreDifferences: the jq expression %q is not obeyed: %s", expression, why))
			}
		}
	}
	return nil
}
