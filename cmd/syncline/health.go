package main

import (
	"log/slog"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline/internal/dialect/argo/settings"
	"github.com/syncline-io/syncline/internal/edge/lua"
	"github.com/syncline-io/syncline/internal/engine/health"
	"github.com/syncline-io/syncline/internal/engine/health/rules"
)

// newChecks returns what objects are judged by, and of that the rules of the
// installation, of which there are none yet. Project returns that of the App which
// an object says it belongs to. Again is told the kinds whose objects are worth
// judging again.
func newChecks(runner rules.Runner, project func(string) string, again func(schema.GroupKind)) (checks health.Checks, own *rules.Set) {
	own = rules.New(rules.Options{Runner: runner, Owner: project, Again: again})
	library := rules.New(rules.Options{Find: lua.Check, Runner: runner, Owner: project, Again: again})
	return health.Checks{Own: own, Library: library}, own
}

// healthRules are the rules for health of the control plane's ConfigMap, which one
// watch tells.
type healthRules struct {
	set  *rules.Set
	read settings.Rules
	// unread are the keys of which it was told that they are not read.
	unread map[string]bool
	// changed is told each kind that is judged otherwise now.
	changed func(schema.GroupKind)
}

// put takes over the rules of the ConfigMap as it was seen. What cannot be read
// of it is logged.
func (h *healthRules) put(u *unstructured.Unstructured) {
	read, err := settings.Read(u, h.read)
	if err != nil {
		slog.Error("some health rules cannot be read", "err", err)
	}
	h.tellUnread(u)
	h.replace(read)
}

// tellUnread logs, once for each, which keys would change what is delivered and
// are not read.
func (h *healthRules) tellUnread(u *unstructured.Unstructured) {
	for _, key := range settings.Unread(u) {
		if !h.unread[key] {
			slog.Warn("a setting of Argo CD is not supported, and has no effect", "configmap", settings.Name, "key", key)
		}
		if h.unread == nil {
			h.unread = map[string]bool{}
		}
		h.unread[key] = true
	}
}

// delete takes note that there is no ConfigMap.
func (h *healthRules) delete() { h.replace(settings.Rules{}) }

func (h *healthRules) replace(read settings.Rules) {
	h.read = read
	for _, kind := range h.set.Replace(read.Find) {
		h.changed(kind)
	}
}
