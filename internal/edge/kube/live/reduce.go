package live

import (
	"slices"
	"strings"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/managed"
	"github.com/syncline-io/syncline/internal/base/near"
)

// see returns what is remembered of an object, and what judges it if that takes
// long.
func (c *Cache) see(u *unstructured.Unstructured) (*record, *assessment) {
	r, slow := c.reduce(u), c.slowly(u)
	if c.follows(r.Ref) {
		r.State = stateOf(u)
	}
	if slow == nil && c.options.Assess != nil {
		r.Health = c.options.Assess(u)
		r.Health.Message = cut(r.Health.Message, maxText)
	}
	return r, slow
}

// reduce returns what is remembered of an object, without its health. Nothing of
// it refers to u, but strings.
func (c *Cache) reduce(u *unstructured.Unstructured) *record {
	gvk := u.GroupVersionKind()
	live := &record{Live: syncline.Live{
		Ref: syncline.Ref{
			Group: c.names.one(gvk.Group), Kind: c.names.one(gvk.Kind),
			Namespace: c.names.one(u.GetNamespace()), Name: u.GetName(),
		},
		Version:         c.names.one(gvk.Version),
		UID:             u.GetUID(),
		ResourceVersion: u.GetResourceVersion(),
		Controlled:      len(u.GetOwnerReferences()) > 0,
		Beside:          ownedBeside(u),
		Terminating:     u.GetDeletionTimestamp() != nil,
		Created:         u.GetCreationTimestamp().UTC(),
		Images:          bounded(imagesOf(u)),
		URLs:            bounded(urlsOf(u)),
	}}
	c.claim(&live.Live, u)
	live.Marks = c.names.shared(marksOf(u, c.options.Dialects, c.names.one))
	if live.Terminating {
		live.Finalizers = finalizersOf(u)
	}
	return live
}

// What others write into an object is kept up to these bounds: an object costs
// little, whatever is in it.
const (
	// maxText is how many bytes a text has at most that people read.
	maxText = 1024
	// maxList is how many images, addresses or finalizers an object has at most.
	maxList = 64
	// maxMade is how many addresses are made of an Ingress, before they are sorted.
	maxMade = 10 * maxList
	// maxMark is how long the value of an annotation is at most.
	maxMark = 2048
)

// cut returns a text in at most that many bytes, without splitting a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	const rest = "…"
	end := most - len(rest)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + rest
}

// bounded returns the first texts of a list that are not too long.
func bounded(texts []string) []string {
	texts = slices.DeleteFunc(texts, func(text string) bool { return len(text) > maxText })
	return slices.Clone(texts[:min(len(texts), maxList)])
}

// finalizersOf returns what an object that is being deleted waits for. Our own is
// never left out.
func finalizersOf(u *unstructured.Unstructured) []string {
	all := u.GetFinalizers()
	finalizers := bounded(slices.Clone(all))
	if slices.Contains(all, syncline.FinalizerHook) && !slices.Contains(finalizers, syncline.FinalizerHook) {
		finalizers = append(finalizers, syncline.FinalizerHook)
	}
	return finalizers
}

// claim takes note of whose an object is, and of what was applied to it: by the owner's
// dialect, or else by the first that did.
func (c *Cache) claim(live *syncline.Live, u *unstructured.Unstructured) {
	instance, owner := c.options.Dialects.Owner(live.Ref, syncline.Content(u.Object))
	if live.Owner = c.names.one(strings.Clone(instance)); owner != nil {
		live.Made = madeBy(u, owner)
		live.Manager, live.Applied = owner.Manager, ownedDigest(u, owner.Manager)
	}
	for _, dialect := range c.options.Dialects {
		live.Migrate = live.Migrate || hasToMigrate(u, dialect)
		if dialect == owner {
			continue
		}
		switch digest := ownedDigest(u, dialect.Manager); {
		case digest == "":
		case live.Manager == "":
			live.Manager, live.Applied = dialect.Manager, digest
		case dialect.Manager != live.Manager:
			live.Beside = with(live.Beside, dialect.Manager, digest)
		}
	}
}

// SteeringOf returns the [syncline.Live.Steering] of an object as it is remembered.
func SteeringOf(u *unstructured.Unstructured, dialects syncline.Dialects) syncline.Digest {
	live := syncline.Live{Marks: marksOf(u, dialects, func(key string) string { return key })}
	ref := syncline.Ref{Group: u.GroupVersionKind().Group, Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName()}
	live.Owner, _ = dialects.Owner(ref, syncline.Content(u.Object))
	return live.Steering()
}

// marksOf returns the annotations and labels that mean something to a dialect, and the
// slips of these, by the names that one returns.
func marksOf(u *unstructured.Unstructured, dialects syncline.Dialects, one func(key string) string) syncline.Marks {
	var marks syncline.Marks
	mark := func(key, text string) {
		if marks == nil {
			marks = syncline.Marks{}
		}
		if len(text) > maxMark {
			text = beyond(dialects, key, text)
		}
		marks[one(key)] = text
	}
	metadata, _ := u.Object["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	var others map[string]string
	for key, value := range annotations {
		text, _ := value.(string)
		if dialects.Steers(key, false) {
			mark(key, text)
			continue
		}
		if others == nil {
			others = map[string]string{}
		}
		others[key] = text
	}
	for _, dialect := range dialects {
		for key, text := range near.Meaning(others, dialect.Conventions.Slip) {
			if dialect.Conventions.Steers(key, false) {
				mark(key, text)
			}
		}
	}
	labels, _ := metadata["labels"].(map[string]any)
	for key, value := range labels {
		if text, _ := value.(string); dialects.Steers(key, true) {
			mark(syncline.LabelKey(key), text)
		}
	}
	return marks
}

// beyond returns what is remembered of a mark that is too long: what a dialect says that
// it may say at its end, or its beginning.
func beyond(dialects syncline.Dialects, key, text string) string {
	for _, d := range dialects {
		if instead := d.Conventions.Beyond(key); instead != "" {
			return instead
		}
	}
	return cut(text, maxMark)
}

// madeBy reports whether a manager of a dialect owns the mark that says whose an
// object is.
func madeBy(u *unstructured.Unstructured, dialect *syncline.Dialect) bool {
	proof := dialect.Ownership.Proof()
	for _, entry := range managed.Entries(u) {
		manager, _ := entry["manager"].(string)
		if manager != dialect.Manager && !slices.Contains(dialect.Former, manager) {
			continue
		}
		fields, _ := entry["fieldsV1"].(map[string]any)
		if managed.Has(fields, proof) {
			return true
		}
	}
	return false
}

// hasToMigrate reports whether fields are owned by what the Apps of a dialect take
// over.
func hasToMigrate(u *unstructured.Unstructured, dialect *syncline.Dialect) bool {
	for _, entry := range managed.Entries(u) {
		by, _ := entry["manager"].(string)
		if entry["operation"] == string(metav1.ManagedFieldsOperationUpdate) && entry["subresource"] == nil && dialect.TakesOver(by) {
			return true
		}
	}
	return false
}

// podSpecs are where kinds keep the specification of their pods.
var podSpecs = map[string][]string{
	"Pod":         {"spec"},
	"CronJob":     {"spec", "jobTemplate", "spec", "template", "spec"},
	"Deployment":  {"spec", "template", "spec"},
	"StatefulSet": {"spec", "template", "spec"},
	"DaemonSet":   {"spec", "template", "spec"},
	"ReplicaSet":  {"spec", "template", "spec"},
	"Job":         {"spec", "template", "spec"},
	"Rollout":     {"spec", "template", "spec"},
}

// imagesOf returns the images of an object's pods, sorted, each once.
func imagesOf(u *unstructured.Unstructured) []string {
	path, ok := podSpecs[u.GetKind()]
	if !ok {
		return nil
	}
	var images []string
	for _, list := range []string{"initContainers", "containers"} {
		for _, container := range listAt(u.Object, append(slices.Clip(path), list)...) {
			if image, _, _ := unstructured.NestedString(container, "image"); image != "" {
				images = append(images, image)
			}
		}
	}
	slices.Sort(images)
	return slices.Compact(images)
}

// urlsOf returns the addresses at which an Ingress or a Service of type
// LoadBalancer is reached from outside, sorted, each once.
func urlsOf(u *unstructured.Unstructured) []string {
	var urls []string
	switch u.GetKind() {
	case "Ingress":
		urls = ingressURLs(u.Object)
	case "Service":
		urls = serviceURLs(u.Object)
	}
	slices.Sort(urls)
	return slices.Compact(urls)
}

// ingressURLs returns one URL for each path of each rule. A rule without a host
// has that of the load balancer.
func ingressURLs(content map[string]any) []string {
	secure := map[string]bool{}
	for _, tls := range listAt(content, "spec", "tls") {
		hosts, _, _ := unstructured.NestedStringSlice(tls, "hosts")
		for _, host := range hosts {
			secure[host] = true
		}
	}
	var urls []string
	balancers := addresses(content)
	for _, rule := range listAt(content, "spec", "rules") {
		hosts := balancers
		if host, _, _ := unstructured.NestedString(rule, "host"); host != "" {
			hosts = []string{host}
		}
		for _, host := range hosts {
			scheme := "http://"
			if secure[host] {
				scheme = "https://"
			}
			for _, path := range pathsOf(rule) {
				if len(urls) == maxMade {
					return urls
				}
				urls = append(urls, scheme+host+path)
			}
		}
	}
	return urls
}

// pathsOf returns the paths of an Ingress rule, without the wildcard at the end.
func pathsOf(rule map[string]any) []string {
	var paths []string
	for _, entry := range listAt(rule, "http", "paths") {
		path, _, _ := unstructured.NestedString(entry, "path")
		paths = append(paths, strings.TrimSuffix(strings.TrimSuffix(path, "*"), "/"))
	}
	if paths == nil {
		return []string{""}
	}
	return paths
}

func serviceURLs(content map[string]any) []string {
	var urls []string
	for _, host := range addresses(content) {
		for _, port := range listAt(content, "spec", "ports") {
			switch number, _, _ := unstructured.NestedInt64(port, "port"); number {
			case 80:
				urls = append(urls, "http://"+host)
			case 443:
				urls = append(urls, "https://"+host)
			}
		}
	}
	return urls
}

// addresses returns the host names or addresses of an object's load balancers.
func addresses(content map[string]any) []string {
	var hosts []string
	for _, ingress := range listAt(content, "status", "loadBalancer", "ingress") {
		for _, field := range []string{"hostname", "ip"} {
			if host, _, _ := unstructured.NestedString(ingress, field); host != "" {
				hosts = append(hosts, host)
				break
			}
		}
	}
	return hosts
}

// listAt returns the maps of the list at a path, without copying.
func listAt(content map[string]any, path ...string) []map[string]any {
	found, _, _ := unstructured.NestedFieldNoCopy(content, path...)
	list, _ := found.([]any)
	maps := make([]map[string]any, 0, len(list))
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			maps = append(maps, m)
		}
	}
	return maps
}
