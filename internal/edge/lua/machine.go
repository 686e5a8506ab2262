package lua

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	glua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/processor"
)

// TimeLimit is how long a rule may run, as in Argo CD. It is processor time of the
// process: one that others keep waiting has up to five times as long.
const TimeLimit = time.Second

// Machine runs rules, one at a time. It remembers the compiled scripts, and
// nothing of the objects. The zero value works.
type Machine struct {
	compiled map[string]*glua.FunctionProto
}

// maxCompiled bounds how many scripts are remembered.
const maxCompiled = 500

// Judge returns what a rule says of an object; no health means that the object
// does not count. It is an Invalid error when the script fails, or returns what
// is no health, and one that wraps [context.DeadlineExceeded] when it takes
// longer than [TimeLimit].
func (m *Machine) Judge(ctx context.Context, rule syncline.HealthRule, object map[string]any) (syncline.Health, error) {
	script, err := m.compile(rule.Script)
	if err != nil {
		return syncline.Health{}, invalid(err)
	}
	ctx, done := processor.Limit(ctx, TimeLimit, processor.Own)
	defer done()
	state := newState(rule.OpenLibs)
	defer state.Close()
	state.SetContext(ctx)
	state.SetGlobal("obj", valueOf(state, object))
	state.Push(state.NewFunctionFromProto(script))
	if err := state.PCall(0, glua.MultRet, nil); err != nil {
		if ctx.Err() != nil {
			return syncline.Health{}, context.Cause(ctx)
		}
		return syncline.Health{}, invalid(err)
	}
	return healthOf(state.Get(-1))
}

func (m *Machine) compile(script string) (*glua.FunctionProto, error) {
	if compiled := m.compiled[script]; compiled != nil {
		return compiled, nil
	}
	chunk, err := parse.Parse(strings.NewReader(script), "<string>")
	if err != nil {
		return nil, err
	}
	compiled, err := glua.Compile(chunk, "<string>")
	if err != nil {
		return nil, err
	}
	if m.compiled == nil || len(m.compiled) >= maxCompiled {
		m.compiled = map[string]*glua.FunctionProto{}
	}
	m.compiled[script] = compiled
	return compiled, nil
}

// invalid is the error of a script, without Lua's stack trace.
func invalid(err error) error {
	text := err.Error()
	if failed, ok := errors.AsType[*glua.ApiError](err); ok {
		text = failed.Object.String()
	}
	return syncline.Errorf(syncline.Invalid, "%s", bounded(text))
}

// healthOf reads what a script returned. As in Argo CD, nothing, an empty table
// and a list mean no health, and so does a status or message that is no text.
func healthOf(returned glua.LValue) (syncline.Health, error) {
	if returned == glua.LNil {
		return syncline.Health{}, nil
	}
	table, ok := returned.(*glua.LTable)
	if !ok {
		return syncline.Health{}, syncline.Errorf(syncline.Invalid, "expect table output from Lua script, not %s", returned.Type())
	}
	named, others := fieldsOf(table)
	status, okStatus := textOf(named["status"])
	message, okMessage := textOf(named["message"])
	switch {
	case others && len(named) > 0:
		return syncline.Health{}, syncline.Errorf(syncline.Invalid, "cannot encode mixed or invalid key types")
	case len(named) == 0, !okStatus, !okMessage:
		return syncline.Health{}, nil
	case !isStatus(syncline.HealthStatus(status)):
		return syncline.Health{Status: syncline.Unknown, Message: "Lua returned an invalid health status"}, nil
	}
	return syncline.Health{Status: syncline.HealthStatus(status), Message: bounded(message)}, nil
}

// fieldsOf returns what a table has under names, in lower case as in JSON that
// is read into a struct, and whether it has anything else.
func fieldsOf(table *glua.LTable) (named map[string]glua.LValue, others bool) {
	named = map[string]glua.LValue{}
	table.ForEach(func(key, value glua.LValue) {
		name, ok := key.(glua.LString)
		lower := strings.ToLower(string(name))
		switch {
		case !ok:
			others = true
		case named[lower] == nil || lower == string(name):
			named[lower] = value
		}
	})
	return named, others
}

// textOf returns a text, which is empty where there is no value. It is false for
// any other value.
func textOf(value glua.LValue) (text string, ok bool) {
	if value == nil {
		return "", true
	}
	found, ok := value.(glua.LString)
	return string(found), ok
}

func isStatus(status syncline.HealthStatus) bool {
	switch status {
	case syncline.Healthy, syncline.Suspended, syncline.Progressing, syncline.Missing, syncline.Degraded, syncline.Unknown:
		return true
	}
	return false
}

// maxMessage bounds a message, in bytes: it is written into a status.
const maxMessage = 1024

// bounded returns the beginning of a text, as text that can be written.
func bounded(text string) string {
	if len(text) <= maxMessage {
		return strings.ToValidUTF8(text, string(utf8.RuneError))
	}
	cut := text[:maxMessage]
	for len(cut) > maxMessage-utf8.UTFMax && !utf8.RuneStart(text[len(cut)]) {
		cut = cut[:len(cut)-1]
	}
	return strings.ToValidUTF8(cut, string(utf8.RuneError)) + "…"
}
