package e2e_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/jsonpath"
)

const (
	// pause is how long a request that failed is not repeated.
	pause = 100 * time.Millisecond
	// declarer and hand are the field managers of what scripts declare, and of what they change behind Syncline's back.
	declarer = "declarer"
	hand     = "by-hand"
)

// patience bounds every wait. It is long because it costs time in failures only.
var patience = flag.Duration("patience", 2*time.Minute, "how long scripts wait for anything")

// api is how scripts look at a cluster and change it, as its administrator.
type api struct {
	config    *rest.Config
	dynamic   dynamic.Interface
	discovery *discovery.DiscoveryClient
	mapper    *restmapper.DeferredDiscoveryRESTMapper
	kinds     meta.RESTMapper
}

func connect(kubeconfig string) (*api, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.UserAgent, config.WarningHandler = -1, "syncline-e2e", rest.NoWarnings{}
	return open(config)
}

// as returns the same way in with the rights of somebody else.
func (a *api) as(user string) (*api, error) {
	config := rest.CopyConfig(a.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	return open(config)
}

func open(config *rest.Config) (_ *api, err error) {
	a := &api{config: config}
	if a.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	if a.discovery, err = discovery.NewDiscoveryClientForConfig(config); err != nil {
		return nil, err
	}
	a.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(a.discovery))
	a.kinds = restmapper.NewShortcutExpander(a.mapper, a.discovery, nil)
	return a, nil
}

// ping sends a request that the audit log shows.
func (a *api) ping(ctx context.Context, query string) error {
	name, value, _ := strings.Cut(query, "=")
	return a.discovery.RESTClient().Get().AbsPath("/version").Param(name, value).Do(ctx).Error()
}

// target names an object, or a resource when it has no name.
type target struct{ kind, namespace, name string }

func (t target) String() string {
	if t.namespace == "" {
		return t.kind + " " + t.name
	}
	return fmt.Sprintf("%s %s/%s", t.kind, t.namespace, t.name)
}

// objects returns the way to the objects of a kind.
func (a *api) objects(ctx context.Context, t target) (dynamic.ResourceInterface, error) {
	mapping, err := a.mapping(ctx, t.kind)
	switch {
	case err != nil:
		return nil, err
	case mapping.Scope.Name() == meta.RESTScopeNameRoot:
		return a.dynamic.Resource(mapping.Resource), nil
	}
	return a.dynamic.Resource(mapping.Resource).Namespace(t.namespace), nil
}

// mapping finds a kind by any name that kubectl takes for it.
func (a *api) mapping(ctx context.Context, kind string) (mapping *meta.RESTMapping, err error) {
	wanted := schema.ParseGroupResource(kind).WithVersion("")
	err = retry(ctx, meta.IsNoMatchError, func() error {
		kind, err := a.kinds.KindFor(wanted)
		if err == nil {
			mapping, err = a.kinds.RESTMapping(kind.GroupKind(), kind.Version)
		}
		if meta.IsNoMatchError(err) {
			a.mapper.Reset() // it may have come meanwhile
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return mapping, nil
}

// columns returns the names and the values of the columns that kubectl shows for an object.
func (a *api) columns(ctx context.Context, t target) (header, row []string, err error) {
	mapping, err := a.mapping(ctx, t.kind)
	if err != nil {
		return nil, nil, err
	}
	path := fmt.Sprintf("/apis/%s/%s/namespaces/%s/%s/%s",
		mapping.Resource.Group, mapping.Resource.Version, t.namespace, mapping.Resource.Resource, t.name)
	answer, err := a.discovery.RESTClient().Get().AbsPath(path).SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(ctx)
	if err != nil {
		return nil, nil, err
	}
	var table metav1.Table
	if err := json.Unmarshal(answer, &table); err != nil || len(table.Rows) != 1 {
		return nil, nil, fmt.Errorf("%s is no table with one row: %w", answer, err)
	}
	for i, column := range table.ColumnDefinitions {
		header = append(header, column.Name)
		row = append(row, fmt.Sprint(table.Rows[0].Cells[i]))
	}
	return header, row, nil
}

// retry repeats what fails in a way that passes.
func retry(ctx context.Context, passes func(error) bool, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, *patience)
	defer cancel()
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		err := do()
		if err == nil || !passes(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}

// decode reads manifests. Objects without a namespace get the given one, unless their kind has none.
func decode(text, namespace string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096); ; {
		var content map[string]any
		switch err := decoder.Decode(&content); {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, err
		case content == nil:
			continue
		}
		object := &unstructured.Unstructured{Object: content}
		if object.GetNamespace() == "" && namespace != "" && object.GetKind() != "Namespace" {
			object.SetNamespace(namespace)
		}
		objects = append(objects, object)
	}
}

// apply declares an object by server-side apply.
func (a *api) apply(ctx context.Context, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	objects, err := a.objects(ctx, target{kind: strings.ToLower(kind.Kind) + "." + kind.Group, namespace: object.GetNamespace()})
	if err != nil {
		return err
	}
	_, err = objects.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: declarer, Force: true})
	return err
}

// errOther says that an object was accepted that is to be refused, or the other way round.
var errOther = errors.New("the API server does not do as it should")

// try returns when an apply of the object would be refused, or accepted. Nothing is changed.
func (a *api) try(ctx context.Context, object *unstructured.Unstructured, refusal bool) error {
	kind := object.GroupVersionKind()
	objects, err := a.objects(ctx, target{kind: strings.ToLower(kind.Kind) + "." + kind.Group, namespace: object.GetNamespace()})
	if err != nil {
		return err
	}
	return retry(ctx, func(err error) bool { return errors.Is(err, errOther) }, func() error {
		_, err := objects.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: declarer, Force: true, DryRun: []string{metav1.DryRunAll}})
		if refusal == (err != nil) {
			return nil
		}
		return fmt.Errorf("%w: %s %s: %w", errOther, kind.Kind, object.GetName(), cmp.Or(err, errAccepted))
	})
}

// errAccepted is what is wrong with an object that is not refused.
var errAccepted = errors.New("it is accepted")

// edit changes an object as a person does who does not use Git.
func (a *api) edit(ctx context.Context, t target, patch string) error {
	objects, err := a.objects(ctx, t)
	if err != nil {
		return err
	}
	kind := types.MergePatchType
	if strings.HasPrefix(patch, "[") {
		kind = types.JSONPatchType
	}
	_, err = objects.Patch(ctx, t.name, kind, []byte(patch), metav1.PatchOptions{FieldManager: hand})
	return err
}

// remove deletes an object, with the given propagation.
func (a *api) remove(ctx context.Context, t target, propagation metav1.DeletionPropagation) error {
	objects, err := a.objects(ctx, t)
	if err != nil {
		return err
	}
	return objects.Delete(ctx, t.name, metav1.DeleteOptions{PropagationPolicy: &propagation})
}

// get returns what is at a path of an object.
func (a *api) get(ctx context.Context, t target, path string) (string, error) {
	objects, err := a.objects(ctx, t)
	if err != nil {
		return "", err
	}
	object, err := objects.Get(ctx, t.name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	return find(object, path)
}

// errUntold says that there is no such event.
var errUntold = errors.New("no event tells that")

// told returns when an event of an object has a reason, and a message that matches; it says what there is otherwise.
func (a *api) told(ctx context.Context, about target, reason string, message *regexp.Regexp) error {
	events, err := a.objects(ctx, target{kind: "events", namespace: about.namespace})
	if err != nil {
		return err
	}
	of := fields.OneTermEqualSelector("involvedObject.name", about.name).String()
	return retry(ctx, func(err error) bool { return errors.Is(err, errUntold) }, func() error {
		list, err := events.List(ctx, metav1.ListOptions{FieldSelector: of})
		if err != nil {
			return err
		}
		var others []string
		for i := range list.Items {
			said, _, _ := unstructured.NestedString(list.Items[i].Object, "message")
			if list.Items[i].Object["reason"] == reason && message.MatchString(said) {
				return nil
			}
			others = append(others, fmt.Sprintf("%v: %s", list.Items[i].Object["reason"], said))
		}
		return fmt.Errorf("%w: there are %q", errUntold, others)
	})
}

// condition is what is wanted at a path of an object: a text, or a /regular expression/.
type condition struct{ path, want string }

// missing says why the condition does not hold, or "".
func (c condition) missing(object *unstructured.Unstructured) (string, error) {
	got, err := find(object, c.path)
	if err != nil {
		return "", err
	}
	if pattern, ok := strings.CutPrefix(c.want, "/"); ok && strings.HasSuffix(pattern, "/") {
		wanted, err := regexp.Compile("(?s)" + strings.TrimSuffix(pattern, "/"))
		if err != nil || wanted.MatchString(got) {
			return "", err
		}
	} else if got == c.want {
		return "", nil
	}
	return fmt.Sprintf("%s is %q, not %q", c.path, got, c.want), nil
}

// find evaluates a path in the language of kubectl's jsonpath, with or without braces. What is missing is "".
func find(object *unstructured.Unstructured, path string) (string, error) {
	if !strings.HasPrefix(path, "{") {
		path = "{" + path + "}"
	}
	parsed := jsonpath.New("path").AllowMissingKeys(true)
	if err := parsed.Parse(path); err != nil {
		return "", fmt.Errorf("path %s: %w", path, err)
	}
	var text strings.Builder
	if err := parsed.Execute(&text, object.Object); err != nil {
		return "", nil //nolint:nilerr // a list that is to be filtered is missing
	}
	return text.String(), nil
}

// await returns when an object exists for which all conditions hold.
func (a *api) await(ctx context.Context, t target, conditions []condition) error {
	return a.observe(ctx, t, func(object *unstructured.Unstructured) (string, error) {
		if object == nil {
			return "it does not exist", nil
		}
		for _, c := range conditions {
			if why, err := c.missing(object); why != "" || err != nil {
				return why, err
			}
		}
		return "", nil
	})
}

// gone returns when an object does not exist.
func (a *api) gone(ctx context.Context, t target) error {
	return a.observe(ctx, t, func(object *unstructured.Unstructured) (string, error) {
		if object == nil {
			return "", nil
		}
		return fmt.Sprintf("it exists, with the finalizers %q", object.GetFinalizers()), nil
	})
}

// judge says why an object is not as wanted, or "". The object is nil when it does not exist.
type judge func(*unstructured.Unstructured) (why string, err error)

// observe watches an object until it is as wanted.
func (a *api) observe(ctx context.Context, t target, wanted judge) error {
	ctx, cancel := context.WithTimeout(ctx, *patience)
	defer cancel()
	objects, err := a.objects(ctx, t)
	if err != nil {
		return err
	}
	why := "nothing is known"
	passing := func(error) bool { return ctx.Err() == nil }
	for {
		var list *unstructured.UnstructuredList
		options := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", t.name).String()}
		err := retry(ctx, passing, func() (err error) {
			list, err = objects.List(ctx, options)
			return err
		})
		if err != nil {
			return fmt.Errorf("waiting for %s: %w, and before that: %s", t, err, why)
		}
		var object *unstructured.Unstructured
		if len(list.Items) > 0 {
			object = &list.Items[0]
		}
		if why, err = wanted(object); why == "" || err != nil {
			return err
		}
		options.ResourceVersion = list.GetResourceVersion()
		changes, err := objects.Watch(ctx, options)
		if err != nil {
			continue // the list says whether that passes
		}
		done, err := follow(changes, wanted, &why)
		if done || err != nil {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("waited %s for %s: %s", *patience, t, why)
		}
	}
}

// follow judges an object at each change, until it is as wanted or the watch ends.
func follow(changes watch.Interface, wanted judge, why *string) (done bool, err error) {
	defer changes.Stop()
	for change := range changes.ResultChan() {
		object, ok := change.Object.(*unstructured.Unstructured)
		if !ok || change.Type == watch.Error {
			return false, nil
		}
		if change.Type == watch.Deleted {
			object = nil
		}
		if *why, err = wanted(object); *why == "" || err != nil {
			return true, err
		}
	}
	return false, nil
}
