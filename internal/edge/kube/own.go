package kube

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/failure"
	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
)

// WatchOptions narrow a watch. The zero value watches everything.
type WatchOptions struct {
	Namespace     string
	LabelSelector string
	// Name is that of the only object of interest.
	Name string
	// Verbatim is a top-level field that a watch tells as its JSON, a [json.RawMessage],
	// because its maps might take many times as much memory. Default: none.
	Verbatim string
}

// narrow adds what the server is asked to leave out.
func (o WatchOptions) narrow(options metav1.ListOptions) metav1.ListOptions {
	options.LabelSelector = o.LabelSelector
	if o.Name != "" {
		options.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, o.Name).String()
	}
	return options
}

// Handler is told what a watch sees, one thing after the other. Each function
// may be nil.
type Handler struct {
	// Set is told an object that is new or changed.
	Set func(*unstructured.Unstructured)
	// Gone is told the name of an object that was deleted.
	Gone func(types.NamespacedName)
	// Synced is told, once, that Set was told every object.
	Synced func()
	// Failed is told that the watch does not work and is tried again.
	Failed func(error)
}

// WatchObjects tells a handler the objects of a resource, and every change,
// until ctx ends. After whatever cuts the connection it goes on; what came,
// changed and went meanwhile is told then. It is for Syncline's own resources,
// whose content is needed; what is delivered is watched by live.
func (c *Client) WatchObjects(ctx context.Context, resource schema.GroupVersionResource, options WatchOptions, handler Handler) {
	w := &objectWatch{handler: handler.complete(), resource: resource, seen: map[types.NamespacedName]seen{}}
	stream.Run(ctx, stream.Options{
		Open: func(context.Context) (stream.Source, error) {
			source := narrowed(c.own(resource, options.Namespace), options)
			source.Watch = func(ctx context.Context, list metav1.ListOptions) (watch.Interface, error) {
				return watchOwn(ctx, sent(c.plain.Get(), resource, options.Namespace), options.narrow(list), options.Verbatim)
			}
			return source, nil
		},
		Handle: w.handle,
	})
}

// complete returns the handler with functions that do nothing for those it lacks.
func (h Handler) complete() Handler {
	if h.Set == nil {
		h.Set = func(*unstructured.Unstructured) {}
	}
	if h.Gone == nil {
		h.Gone = func(types.NamespacedName) {}
	}
	if h.Synced == nil {
		h.Synced = func() {}
	}
	if h.Failed == nil {
		h.Failed = func(error) {}
	}
	return h
}

// narrowed reads the objects that the options choose.
func narrowed(objects dynamic.ResourceInterface, narrow WatchOptions) stream.Source {
	return stream.Source{
		List: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return objects.List(ctx, narrow.narrow(options))
		},
		Watch: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return objects.Watch(ctx, narrow.narrow(options))
		},
	}
}

// objectWatch turns events into what a handler is told.
type objectWatch struct {
	handler  Handler
	resource schema.GroupVersionResource
	synced   bool
	round    int
	seen     map[types.NamespacedName]seen
}

// seen is what is remembered of an object, to tell what changed in a reading.
type seen struct {
	version string
	round   int
}

func (w *objectWatch) handle(event stream.Event) {
	switch event.Type {
	case stream.Begin:
		w.round++
	case stream.Set:
		w.set(event.Object)
	case stream.Gone:
		if u, ok := event.Object.(*unstructured.Unstructured); ok {
			w.gone(nameOf(u))
		}
	case stream.Complete:
		for name, seen := range w.seen {
			if seen.round != w.round {
				w.gone(name)
			}
		}
		if !w.synced {
			w.synced = true
			w.handler.Synced()
		}
	case stream.Failed:
		w.handler.Failed(failedAll(w.resource.GroupResource(), event.Err))
	case stream.Progress:
	}
}

func (w *objectWatch) set(object runtime.Object) {
	u, ok := object.(*unstructured.Unstructured)
	if !ok {
		return
	}
	now := seen{u.GetResourceVersion(), w.round}
	before, known := w.seen[nameOf(u)]
	w.seen[nameOf(u)] = now
	if !known || before.version != now.version {
		w.handler.Set(u)
	}
}

func (w *objectWatch) gone(name types.NamespacedName) {
	if _, known := w.seen[name]; known {
		delete(w.seen, name)
		w.handler.Gone(name)
	}
}

func nameOf(u *unstructured.Unstructured) types.NamespacedName {
	return types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()}
}

// own returns how to reach one of Syncline's own resources. No discovery is
// needed, so a resource that is not installed is an error of the request.
func (c *Client) own(resource schema.GroupVersionResource, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return c.dynamic.Resource(resource)
	}
	return c.dynamic.Resource(resource).Namespace(namespace)
}

// sent leads a request to a resource, in a namespace or in all.
func sent(request *rest.Request, resource schema.GroupVersionResource, namespace string) *rest.Request {
	api := []string{"apis", resource.Group, resource.Version}
	if resource.Group == "" {
		api = []string{"api", resource.Version}
	}
	return request.AbsPath(api...).NamespaceIfScoped(namespace, namespace != "").Resource(resource.Resource)
}

// refOf names an object of a resource in messages.
func refOf(resource schema.GroupVersionResource, name types.NamespacedName) syncline.Ref {
	kind := resource.Resource
	if resource.Group == "" && kind == "secrets" {
		kind = "Secret"
	}
	return syncline.Ref{Group: resource.Group, Kind: kind, Namespace: name.Namespace, Name: name.Name}
}

// GetObject returns one of Syncline's own objects as it is now.
func (c *Client) GetObject(ctx context.Context, resource schema.GroupVersionResource, name types.NamespacedName) (*unstructured.Unstructured, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	u, err := c.own(resource, name.Namespace).Get(ctx, name.Name, metav1.GetOptions{})
	return u, failure.Of(refOf(resource, name), "read", err)
}

// ListObjects returns Syncline's own objects as they are now.
func (c *Client) ListObjects(ctx context.Context, resource schema.GroupVersionResource, options WatchOptions) ([]unstructured.Unstructured, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	list, err := c.own(resource, options.Namespace).List(ctx, options.narrow(metav1.ListOptions{}))
	if err != nil {
		return nil, failure.Of(refOf(resource, types.NamespacedName{Namespace: options.Namespace}), "list", err)
	}
	return list.Items, nil
}

// Patch changes one of Syncline's own objects, or, with a subresource such as
// "status", that part of it. It returns the object as it is afterwards.
func (c *Client) Patch(ctx context.Context, resource schema.GroupVersionResource, name types.NamespacedName, patch Patch) (*unstructured.Unstructured, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	request := sent(c.plain.Patch(patch.Type), resource, name.Namespace).Name(name.Name)
	if patch.Subresource != "" {
		request = request.SubResource(patch.Subresource)
	}
	answer := request.SpecificallyVersionedParams(&metav1.PatchOptions{FieldManager: patch.Manager, FieldValidation: patch.FieldValidation}, metav1.ParameterCodec, metav1.Unversioned).
		Body(patch.Data).Do(ctx)
	if err := answer.Error(); err != nil {
		return nil, failure.Of(refOf(resource, name), "patch", err)
	}
	text, _ := answer.Raw()
	after := content{verbatim: patch.Verbatim}
	if err := after.UnmarshalJSON(text); err != nil {
		return nil, failure.Of(refOf(resource, name), "patch", err)
	}
	return &unstructured.Unstructured{Object: after.fields}, nil
}

// Patch is a change of one object.
type Patch struct {
	// Type is that of Data; a resourceVersion in Data makes it fail with a Conflict
	// when the object changed.
	Type types.PatchType
	Data []byte
	// Subresource is "" or "status".
	Subresource string
	// Manager owns the fields that are set. Default: the name of the program.
	Manager string
	// FieldValidation says what becomes of fields that the kind does not have. Default:
	// they are dropped.
	FieldValidation string
	// Verbatim is a field that is returned as its JSON; see [WatchOptions].
	Verbatim string
}

// Create creates one of Syncline's own objects. It is a Conflict error when
// there is one, and an Invalid one when the object has a field that its kind does not
// have, which the API server would drop.
func (c *Client) Create(ctx context.Context, resource schema.GroupVersionResource, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	u, err := c.own(resource, object.GetNamespace()).Create(ctx, object, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	return u, failure.Of(refOf(resource, nameOf(object)), "create", err)
}

// CreateMissing creates an object unless there is one of its name. It looks
// first, so that nothing is asked to be written where there is nothing to write.
func (c *Client) CreateMissing(ctx context.Context, resource schema.GroupVersionResource, object *unstructured.Unstructured) error {
	_, err := c.GetObject(ctx, resource, types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()})
	if syncline.KindOf(err) != syncline.NotFound {
		return err
	}
	_, err = c.Create(ctx, resource, object)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// Delete deletes one of Syncline's own objects, as a person asked by its name.
// With uid it is a Conflict error when another object has the name by now.
func (c *Client) Delete(ctx context.Context, resource schema.GroupVersionResource, name types.NamespacedName, uid types.UID) error {
	options := metav1.DeleteOptions{}
	if uid != "" {
		options.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	return failure.Of(refOf(resource, name), "delete", c.own(resource, name.Namespace).Delete(ctx, name.Name, options))
}

// Happening is something to tell people of an object, in its events.
type Happening struct {
	// About is the object; its name, kind and UID count.
	About corev1.ObjectReference
	// Reason is one word, such as "OperationStarted".
	Reason  string
	Message string
	Warning bool
	At      time.Time
}

// Tell records an event of an object. The message is cut at 1,000 bytes, which
// is as long as the API server takes.
func (c *Client) Tell(ctx context.Context, h Happening) error {
	namespace := cmp.Or(h.About.Namespace, corev1.NamespaceDefault)
	kind := corev1.EventTypeNormal
	if h.Warning {
		kind = corev1.EventTypeWarning
	}
	event := &corev1.Event{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Event"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace,
			Name:      fmt.Sprintf("%s.%x", cut(h.About.Name, 200), h.At.UnixNano()), // 253 are the most
		},
		InvolvedObject: h.About,
		Reason:         h.Reason, Message: cut(h.Message, 1000), Type: kind,
		FirstTimestamp: metav1.NewTime(h.At), LastTimestamp: metav1.NewTime(h.At), Count: 1,
		Source: corev1.EventSource{Component: "syncline"}, ReportingController: "syncline",
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(event)
	if err != nil {
		return failure.Of(syncline.Ref{Kind: "Event", Namespace: namespace, Name: event.Name}, "create", err)
	}
	_, err = c.Create(ctx, corev1.SchemeGroupVersion.WithResource("events"), &unstructured.Unstructured{Object: content})
	return err
}

// cut returns at most limit bytes of text, whole characters only.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "")
}
