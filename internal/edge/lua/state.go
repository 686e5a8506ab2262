package lua

import (
	glua "github.com/yuin/gopher-lua"
)

// newState returns a Lua state with the libraries that a rule may use. As in
// Argo CD, these are the basic one and that of tables, and on request those of
// strings, numbers and coroutines. What is about files, processes and the
// interpreter itself is missing in any case.
func newState(openLibs bool) *glua.LState {
	state := glua.NewState(glua.Options{SkipOpenLibs: true})
	open(state, glua.LoadLibName, glua.OpenPackage)
	open(state, glua.BaseLibName, glua.OpenBase)
	open(state, glua.TabLibName, glua.OpenTable)
	if openLibs {
		open(state, glua.StringLibName, glua.OpenString)
		open(state, glua.MathLibName, glua.OpenMath)
		open(state, glua.CoroutineLibName, glua.OpenCoroutine)
	}
	openTime(state, openLibs)
	closeFiles(state)
	// Nobody reads what a rule prints, and stdout is not for it.
	state.SetGlobal("print", state.NewFunction(func(*glua.LState) int { return 0 }))
	return state
}

func open(state *glua.LState, name string, library glua.LGFunction) {
	state.Push(state.NewFunction(library))
	state.Push(glua.LString(name))
	state.Call(1, 0)
}

// openTime opens the library os with nothing but what tells the time: for those
// who require it, and as a global on request.
func openTime(state *glua.LState, global bool) {
	open(state, glua.OsLibName, glua.OpenOs)
	safe := state.NewTable()
	for _, name := range []string{"time", "date"} {
		safe.RawSetString(name, state.GetField(state.GetGlobal(glua.OsLibName), name))
	}
	state.SetField(state.GetField(state.GetGlobal(glua.LoadLibName), "loaded"), glua.OsLibName, safe)
	state.SetGlobal(glua.OsLibName, glua.LNil)
	if global {
		state.SetGlobal(glua.OsLibName, safe)
	}
}

// closeFiles takes away what reads scripts from files.
func closeFiles(state *glua.LState) {
	for _, name := range []string{"dofile", "loadfile", "_printregs"} {
		state.SetGlobal(name, glua.LNil)
	}
	if loaders, ok := state.GetField(state.GetGlobal(glua.LoadLibName), "loaders").(*glua.LTable); ok {
		loaders.RawSetInt(2, glua.LNil) // the first one looks only among what is loaded
	}
}

// valueOf returns a value of JSON as Lua has it.
func valueOf(state *glua.LState, value any) glua.LValue {
	switch v := value.(type) {
	case bool:
		return glua.LBool(v)
	case float64:
		return glua.LNumber(v)
	case int64:
		return glua.LNumber(v)
	case string:
		return glua.LString(v)
	case []any:
		list := state.CreateTable(len(v), 0)
		for _, item := range v {
			list.Append(valueOf(state, item))
		}
		return list
	case map[string]any:
		table := state.CreateTable(0, len(v))
		for key, item := range v {
			table.RawSetString(key, valueOf(state, item))
		}
		return table
	}
	return glua.LNil
}
