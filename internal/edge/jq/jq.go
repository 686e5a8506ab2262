// Package jq removes fields from objects by jq expressions.
package jq

import (
	"context"
	"fmt"

	"github.com/itchyny/gojq"

	"github.com/syncline-io/syncline"
)

// Remove returns a copy of the object without the paths that the expression
// yields. It is all of the object where the expression fails on it or yields no
// paths. It is an Invalid error when the text is no expression, and ctx's when
// that ends first.
//
// What an expression may take is not bounded but by ctx: one that is not trusted
// can exhaust the memory of the process.
func Remove(ctx context.Context, expression string, object map[string]any) (map[string]any, error) {
	query, err := gojq.Parse(fmt.Sprintf("del(%s)", expression))
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "it is not valid: %w", err)
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "it is not valid: %w", err)
	}
	result, _ := code.RunWithContext(ctx, input(object)).Next()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if stripped, ok := result.(map[string]any); ok {
		return output(stripped).(map[string]any), nil
	}
	return object, nil
}

// input returns a copy with the numbers that gojq knows: int and float64.
func input(value any) any {
	return convert(value, func(leaf any) any {
		if n, ok := leaf.(int64); ok {
			return int(n)
		}
		return leaf
	})
}

// output returns a copy with the numbers that apimachinery knows.
func output(value any) any {
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
