package live

import (
	"slices"
	"strings"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/managed"
)

// markOf returns what is kept of an annotation. Options that are too long to be
// kept forbid to delete the object: they may say so at their end.
func markOf(key, text string) string {
	switch {
	case len(text) <= maxMark:
		return text
	case key == syncline.AnnotationSyncOptions:
		return "Prune=false,Delete=false"
	default:
		return cut(text, maxMark)
	}
}

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
		Made:            madeBy(u, c.options.FieldManager, syncline.FormerFieldManager),
		Controlled:      len(u.GetOwnerReferences()) > 0,
		Applied:         ownedDigest(u, c.options.FieldManager),
		Beside:          ownedBeside(u),
		Migrate:         appliedClientSide(u, c.options.FieldManager),
		Terminating:     u.GetDeletionTimestamp() != nil,
		Created:         u.GetCreationTimestamp().UTC(),
		Images:          bounded(imagesOf(u)),
		URLs:            bounded(urlsOf(u)),
	}}
	live.Tracking, live.Marks = marksOf(u, c.names.one)
	live.Marks = c.names.shared(live.Marks)
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
	// maxMark is how long the value of an annotation is at most, and maxTracking
	// that of the one which tracks: longer ones are nobody's.
	maxMark, maxTracking = 2048, 2048
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

// SteeringOf returns the [syncline.Live.Steering] of an object as it is remembered.
func SteeringOf(u *unstructured.Unstructured) syncline.Digest {
	tracking, marks := marksOf(u, func(key string) string { return key })
	return syncline.Live{Tracking: tracking, Marks: marks}.Steering()
}

// marksOf returns the tracking annotation and the others that steer Syncline. Their
// names are kept as one returns them.
func marksOf(u *unstructured.Unstructured, one func(key string) string) (tracking string, marks map[string]string) {
	found, _, _ := unstructured.NestedFieldNoCopy(u.Object, "metadata", "annotations")
	annotations, _ := found.(map[string]any)
	for key, value := range annotations {
		text, _ := value.(string)
		switch {
		case key == syncline.AnnotationTracking:
			if len(text) <= maxTracking {
				tracking = text
			}
		case syncline.Steers(key):
			if marks == nil {
				marks = map[string]string{}
			}
			marks[one(key)] = markOf(key, text)
		}
	}
	return tracking, marks
}

// madeBy reports whether one of the managers owns the tracking annotation.
func madeBy(u *unstructured.Unstructured, managers ...string) bool {
	for _, entry := range managed.Entries(u) {
		manager, _ := entry["manager"].(string)
		if !slices.Contains(managers, manager) {
			continue
		}
		fields, _ := entry["fieldsV1"].(map[string]any)
		annotations, _, _ := unstructured.NestedFieldNoCopy(fields, "f:metadata", "f:annotations")
		owned, _ := annotations.(map[string]any)
		if _, owns := owned["f:"+syncline.AnnotationTracking]; owns {
			return true
		}
	}
	return false
}

// appliedClientSide reports whether fields are owned by client-side apply, of
// kubectl or of Argo CD, or are under our manager's name.
func appliedClientSide(u *unstructured.Unstructured, manager string) bool {
	for _, entry := range managed.Entries(u) {
		by, _ := entry["manager"].(string)
		if entry["operation"] == string(metav1.ManagedFieldsOperationUpdate) && entry["subresource"] == nil &&
			(syncline.IsClientSide(by) || by == manager) {
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

// instanceOf returns the instance that tracks an object, or "". An annotation
// that names another object was copied from it and does not count. That of an
// object without a namespace names the App's.
func instanceOf(live *syncline.Live) string {
	parts := strings.SplitN(live.Tracking, ":", 3)
	if len(parts) != 3 {
		return ""
	}
	group, kind, _ := strings.Cut(parts[1], "/")
	namespace, name, _ := strings.Cut(parts[2], "/")
	ref := live.Ref
	if group != ref.Group || kind != ref.Kind || name != ref.Name ||
		ref.Namespace != "" && namespace != ref.Namespace {
		return ""
	}
	return parts[0]
}
