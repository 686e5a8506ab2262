package tool

// Plugin holds the options of a source that a plugin renders, a program beside Syncline.
type Plugin struct {
	// Name names the plugin, with "-" and its version where it has one. Empty means the
	// first that supports the files.
	Name       string
	Env        []PluginVariable
	Parameters []PluginParameter
}

// IsEmpty reports whether nothing is declared.
func (p *Plugin) IsEmpty() bool {
	return p == nil || p.Name == "" && len(p.Env)+len(p.Parameters) == 0
}

// PluginVariable is a variable of the plugin's environment.
type PluginVariable struct {
	Name  string
	Value string
}

// PluginParameter is a parameter: a text, a map or a list; nil is not given.
type PluginParameter struct {
	Name   string
	String *string
	Map    map[string]string
	Array  []string
}

// PluginCall asks for a plugin.
type PluginCall struct {
	// Name is the plugin's; "" for the first that supports the files.
	Name string
	// Optional says that another tool renders where no plugin supports the files.
	Optional bool
	// Environ are the variables that it gets, each "NAME=value".
	Environ []string
}
