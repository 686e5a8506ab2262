package plan

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/glob"
	"github.com/itchyny/gojq"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/syncline-io/syncline"
)

// jqTimeout ends a jq expression that does not end by itself.
const jqTimeout = time.Second

// ignoreRules are the rules that concern one object.
type ignoreRules struct {
	rules []syncline.IgnoreRule
	// trusted are the fields of managers that the rules name, as managedFields
	// hold them.
	trusted []map[string]any
	// slow are the expressions that took too long.
	slow *expressions
}

// expressions is a set of jq expressions. It is safe for concurrent use; a nil
// one is empty and stays so.
type expressions struct {
	mu  sync.Mutex
	set map[string]bool
}

func (e *expressions) add(expression string) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.set == nil {
		e.set = map[string]bool{}
	}
	e.set[expression] = true
}

func (e *expressions) has(expression string) bool {
	if e == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.set[expression]
}

// rulesFor returns the rules of the App that concern an object.
func (b *build) rulesFor(ref syncline.Ref) ignoreRules {
	rules := rulesFor(b.App.Ignore, ref)
	rules.slow = &b.slow
	return rules
}

func rulesFor(all []syncline.IgnoreRule, ref syncline.Ref) ignoreRules {
	var found ignoreRules
	for _, rule := range all {
		if matches(rule.Group, ref.Group) && matches(rule.Kind, ref.Kind) &&
			(rule.Name == "" || rule.Name == ref.Name) &&
			(rule.Namespace == "" || rule.Namespace == ref.Namespace) {
			found.rules = append(found.rules, rule)
		}
	}
	return found
}

// matches reports whether a value matches a glob; a pattern that is no glob
// matches itself.
func matches(pattern, value string) bool {
	compiled, err := glob.Compile(pattern)
	return pattern == value || err == nil && compiled.Match(value)
}

// strip removes what the rules ignore. A rule that does not apply to the object
// removes nothing.
func (r ignoreRules) strip(object map[string]any) map[string]any {
	for _, fields := range r.trusted {
		object, _ = withoutFields(object, fields).(map[string]any)
	}
	for _, rule := range r.rules {
		for _, pointer := range rule.JSONPointers {
			removePointer(object, strings.Split(strings.TrimPrefix(pointer, "/"), "/"))
		}
		for _, expression := range rule.JQPathExpressions {
			if !r.slow.has(expression) {
				object = r.removeJQ(object, expression)
			}
		}
	}
	return object
}

// disobeyed returns the expressions that took too long.
func (r ignoreRules) disobeyed() []string {
	var slow []string
	for _, rule := range r.rules {
		for _, expression := range rule.JQPathExpressions {
			if r.slow.has(expression) {
				slow = append(slow, expression)
			}
		}
	}
	return slow
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

// compileJQ compiles the expression that removes what the given one yields.
func compileJQ(expression string) (*gojq.Code, error) {
	query, err := gojq.Parse(fmt.Sprintf("del(%s)", expression))
	if err != nil {
		return nil, err
	}
	return gojq.Compile(query)
}

// removeJQ removes the paths that a jq expression yields. An expression that
// fails or takes longer than a second removes nothing: the difference shows. It
// is not tried again in this plan.
func (r ignoreRules) removeJQ(object map[string]any, expression string) map[string]any {
	code, err := compileJQ(expression)
	if err != nil {
		return object
	}
	ctx, cancel := context.WithTimeout(context.Background(), jqTimeout)
	defer cancel()
	result, _ := code.RunWithContext(ctx, jqInput(object)).Next()
	if ctx.Err() != nil {
		r.slow.add(expression)
		return object
	}
	if stripped, isMap := result.(map[string]any); isMap {
		return jqOutput(stripped).(map[string]any)
	}
	return object
}

// checkIgnore warns of jq expressions that cannot be used at all.
func (b *build) checkIgnore(context.Context) error {
	for _, rule := range b.App.Ignore {
		for _, expression := range rule.JQPathExpressions {
			if _, err := compileJQ(expression); err != nil {
				b.warn(syncline.InvalidSpecError, fmt.Sprintf("ignoreDifferences: the jq expression %q is not valid: %v", expression, err))
			}
		}
	}
	return nil
}

// jqInput returns a copy with the numbers that gojq knows: int and float64.
func jqInput(value any) any {
	return convert(value, func(leaf any) any {
		if n, ok := leaf.(int64); ok {
			return int(n)
		}
		return leaf
	})
}

// jqOutput returns a copy with the numbers that apimachinery knows.
func jqOutput(value any) any {
	return convert(value, func(leaf any) any {
		if n, ok := leaf.(int); ok {
			return int64(n)
		}
		return leaf
	})
}

func convert(value any, leaf func(any) any) any {
	switch v := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(v))
		for key, part := range v {
			copied[key] = convert(part, leaf)
		}
		return copied
	case []any:
		copied := make([]any, len(v))
		for i, part := range v {
			copied[i] = convert(part, leaf)
		}
		return copied
	}
	return leaf(value)
}

// withoutIgnored returns the object without the ignored fields, so that
// applying it leaves them to whoever sets them (RespectIgnoreDifferences).
func withoutIgnored(object syncline.Object, all []syncline.IgnoreRule) syncline.Object {
	rules := rulesFor(all, object.Ref())
	if rules.rules == nil {
		return object
	}
	content := rules.strip(runtime.DeepCopyJSON(object.Reveal().Object))
	stripped, err := syncline.NewObject(content, object.Origin())
	if err != nil {
		return object // a rule that removes the object's identity is not obeyed
	}
	return stripped
}
