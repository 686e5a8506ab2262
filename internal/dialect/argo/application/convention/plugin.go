package convention

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// buildVariables are the variables of the build environment, in Argo CD's order.
func buildVariables() []string {
	return []string{
		"ARGOCD_APP_NAME", "ARGOCD_APP_NAMESPACE", "ARGOCD_APP_PROJECT_NAME", "ARGOCD_APP_REVISION", "ARGOCD_APP_REVISION_SHORT",
		"ARGOCD_APP_REVISION_SHORT_8", "ARGOCD_APP_SOURCE_REPO_URL", "ARGOCD_APP_SOURCE_PATH", "ARGOCD_APP_SOURCE_TARGET_REVISION",
	}
}

// Environ returns what Argo CD tells a config management plugin: the build environment, what is known of the cluster, the variables of
// the source under names that begin with ARGOCD_ENV_, so that none passes for another,
// and its parameters: all as JSON in ARGOCD_APP_PARAMETERS, and each by itself.
func (v variables) Environ(plugin *tool.Plugin, cluster syncline.Capabilities, fact func(syncline.Fact) string) []string {
	known := map[string]string{}
	var environ []string
	add := func(name, value string) {
		known[name] = value
		environ = append(environ, name+"="+value)
	}
	for _, name := range buildVariables() {
		what, _ := v.Fact(name)
		add(name, fact(what))
	}
	add("KUBE_VERSION", cluster.KubeVersion)
	add("KUBE_API_VERSIONS", strings.Join(cluster.APIVersions, ","))
	if plugin == nil {
		return environ
	}
	for _, variable := range plugin.Env {
		value := os.Expand(variable.Value, func(name string) string {
			if name == "$" {
				return "$"
			}
			return known[name]
		})
		environ = append(environ, "ARGOCD_ENV_"+variable.Name+"="+value)
	}
	return append(environ, parametersOf(plugin)...)
}

// unfit are the characters that the name of a variable has not.
var unfit = regexp.MustCompile("[^A-Z0-9_]")

// parametersOf returns the variables of a plugin's parameters.
func parametersOf(plugin *tool.Plugin) []string {
	escaped := func(name string) string { return unfit.ReplaceAllString(strings.ToUpper(name), "_") }
	whole, _ := json.Marshal(fromPlugin(plugin).Parameters) // it holds texts only
	environ := []string{"ARGOCD_APP_PARAMETERS=" + string(whole)}
	for _, p := range plugin.Parameters {
		name := "PARAM_" + escaped(p.Name)
		if p.String != nil {
			environ = append(environ, name+"="+*p.String)
		}
		for _, key := range slices.Sorted(maps.Keys(p.Map)) {
			environ = append(environ, name+"_"+escaped(key)+"="+p.Map[key])
		}
		for i, value := range p.Array {
			environ = append(environ, fmt.Sprintf("%s_%d=%s", name, i, value))
		}
	}
	return environ
}

// pluginForm is the form of a plugin's name, which is that of a file.
var pluginForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$`)

// CheckPlugin returns an error that names a field which no plugin, and no variable of an
// environment, may have so. It quotes nothing.
func CheckPlugin(p *v1alpha1.ApplicationSourcePlugin) error {
	if p == nil {
		return nil
	}
	if p.Name != "" && !pluginForm.MatchString(p.Name) {
		return errors.New("plugin.name: it is the name of a plugin, with - and its version where it has one: letters, digits, ., - and _")
	}
	for i, variable := range p.Env {
		if variable.Name == "" || strings.ContainsAny(variable.Name, "=\x00") || strings.Contains(variable.Value, "\x00") {
			return fmt.Errorf("plugin.env[%d]: it is no variable: the name is empty or has =, or there is a zero byte", i)
		}
	}
	return nil
}

func toPlugin(p *v1alpha1.ApplicationSourcePlugin) *tool.Plugin {
	if p == nil {
		return nil
	}
	return &tool.Plugin{
		Name: p.Name,
		Env:  each(p.Env, func(e v1alpha1.EnvEntry) tool.PluginVariable { return tool.PluginVariable(e) }),
		Parameters: each(p.Parameters, func(p v1alpha1.PluginParameter) tool.PluginParameter {
			return tool.PluginParameter{Name: p.Name, String: p.String, Map: orNil(p.Map), Array: append([]string(nil), p.Array...)}
		}),
	}
}

func fromPlugin(p *tool.Plugin) *v1alpha1.ApplicationSourcePlugin {
	if p == nil {
		return nil
	}
	return &v1alpha1.ApplicationSourcePlugin{
		Name: p.Name,
		Env:  each(p.Env, func(v tool.PluginVariable) v1alpha1.EnvEntry { return v1alpha1.EnvEntry(v) }),
		Parameters: each(p.Parameters, func(p tool.PluginParameter) v1alpha1.PluginParameter {
			return v1alpha1.PluginParameter(p)
		}),
	}
}
