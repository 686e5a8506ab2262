package lua

import (
	"io/fs"
	"path"
	"strings"

	"github.com/argoproj/argo-cd/v3/resource_customizations"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
)

// Check returns the check that Argo CD comes with for a kind: the kind's own,
// else one for all kinds of a group or of groups like it. Its Remedy is for who offers
// a place for other rules.
func Check(kind schema.GroupKind) (syncline.HealthRule, bool) {
	if kind.Group == "" { // none of its checks is for a core kind
		return syncline.HealthRule{}, false
	}
	script, err := scriptIn(kind.Group + "/" + kind.Kind)
	if err != nil {
		script, err = scriptLike(kind)
	}
	if err != nil {
		return syncline.HealthRule{}, false
	}
	return syncline.HealthRule{
		Origin:   "Argo CD's health check for " + kind.Group + "/" + kind.Kind,
		Script:   script,
		OpenLibs: true,
	}, true
}

func scriptIn(folder string) (string, error) {
	text, err := resource_customizations.Embedded.ReadFile(folder + "/health.lua")
	return string(text), err
}

// scriptLike returns the script of the first folder whose name matches the kind
// where its underscores stand for anything.
func scriptLike(kind schema.GroupKind) (string, error) {
	groups, err := matching(".", kind.Group)
	if err != nil {
		return "", err
	}
	for _, group := range groups {
		folders, err := matching(group, kind.Kind)
		if err != nil {
			return "", err
		}
		for _, folder := range folders {
			if script, err := scriptIn(group + "/" + folder); err == nil {
				return script, nil
			}
		}
	}
	return "", fs.ErrNotExist
}

// matching returns the names in a folder that match, in their order.
func matching(folder, name string) ([]string, error) {
	entries, err := resource_customizations.Embedded.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if ok, err := path.Match(strings.ReplaceAll(entry.Name(), "_", "*"), name); err == nil && ok {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}
