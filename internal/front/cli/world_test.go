package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/command"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
	"github.com/syncline-io/syncline/internal/dialect/argo/request"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/declare"
)

// world is a cluster made of files, so that a script can show what is in it
// before and after a command:
//
//	apps/*.yaml      the Applications
//	events/*.yaml    what happens while somebody watches, in order: {app, patch},
//	                 {app, gone} or {then: "interrupt"|"fail"}
//	fail             an error for every request, as "KIND: text"
//	conflicts        how many patches with a resourceVersion find that somebody
//	                 else was faster, and made of an Application what its file
//	                 .yaml.next says
type world struct{ dir string }

func (w *world) connected(c access.Connection) error {
	if c.Context == "nowhere" {
		return syncline.WithHint(syncline.Errorf(syncline.Invalid, "context %q does not exist", c.Context), "see the kubeconfig")
	}
	return nil
}

// failing returns the error of the file "fail".
func (w *world) failing() error {
	text, err := os.ReadFile(filepath.Join(w.dir, "fail"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	kind, message, _ := strings.Cut(strings.TrimSpace(string(text)), ": ")
	return syncline.Errorf(syncline.Kind(kind), "%s", message)
}

func (w *world) file(id syncline.AppID) string {
	return filepath.Join(w.dir, "apps", id.Namespace+"."+id.Name+".yaml")
}

func (w *world) read(path string) (*unstructured.Unstructured, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	content := map[string]any{}
	if text, err = yaml.YAMLToJSON(text); err == nil {
		err = utiljson.Unmarshal(text, &content) // with whole numbers, as a client of the API server has them
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &unstructured.Unstructured{Object: content}, nil
}

func (w *world) write(u *unstructured.Unstructured) error {
	version, _ := strconv.Atoi(u.GetResourceVersion())
	u.SetResourceVersion(strconv.Itoa(version + 1))
	text, err := visible.YAML(u.Object)
	if err != nil {
		return err
	}
	return os.WriteFile(w.file(declare.ID(u.GetNamespace(), u.GetName())), text, 0o600)
}

func toApp(u *unstructured.Unstructured) access.App {
	app, _ := application.Read(u, "argocd")
	return access.App{App: app, Report: application.ReportOf(app), Manifest: u.Object}
}

func (w *world) Get(_ context.Context, id syncline.AppID) (access.App, error) {
	if err := w.failing(); err != nil {
		return access.App{}, err
	}
	u, err := w.read(w.file(id))
	if errors.Is(err, os.ErrNotExist) {
		return access.App{}, syncline.Errorf(syncline.NotFound, "app %s does not exist", id)
	}
	if err != nil {
		return access.App{}, err
	}
	return toApp(u), nil
}

func (w *world) List(_ context.Context, query access.Query) ([]access.App, error) {
	if err := w.failing(); err != nil {
		return nil, err
	}
	selector, err := labels.Parse(query.Selector)
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "%w", err)
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "apps", "*.yaml"))
	if err != nil {
		return nil, err
	}
	var apps []access.App
	for _, file := range files {
		u, err := w.read(file)
		if err != nil {
			return nil, err
		}
		if (query.Namespace == "" || query.Namespace == u.GetNamespace()) &&
			(query.Name == "" || query.Name == u.GetName()) && selector.Matches(labels.Set(u.GetLabels())) {
			apps = append(apps, toApp(u))
		}
	}
	return apps, nil
}

type happening struct {
	App   string         `json:"app"`
	Patch map[string]any `json:"patch"`
	Gone  bool           `json:"gone"`
	Then  string         `json:"then"`
}

// Watch lets the events happen one after the other, and then nothing more.
func (w *world) Watch(ctx context.Context, query access.Query, see func([]access.App) bool) error {
	events, err := filepath.Glob(filepath.Join(w.dir, "events", "*.yaml"))
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		apps, err := w.List(ctx, query)
		if err != nil {
			return err
		}
		if see(apps) {
			return nil
		}
		if i == len(events) {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		if err := w.happen(ctx, events[i]); err != nil {
			return err
		}
	}
}

func (w *world) happen(ctx context.Context, file string) error {
	u, err := w.read(file)
	if err != nil {
		return err
	}
	var h happening
	text, _ := json.Marshal(u.Object)
	if err := json.Unmarshal(text, &h); err != nil {
		return err
	}
	namespace, name, _ := strings.Cut(h.App, "/")
	id := declare.ID(namespace, name)
	switch {
	case h.Gone:
		return os.Remove(w.file(id))
	case h.Then == "interrupt":
		process, err := os.FindProcess(os.Getpid())
		if err != nil {
			return err
		}
		return errors.Join(process.Signal(os.Interrupt), waitFor(ctx))
	case h.Then == "fail":
		return syncline.Errorf(syncline.Denied, "the watch is refused")
	}
	_, err = w.patch(id, h.Patch)
	return err
}

func waitFor(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// commands are carried out as at an API server.
func (w *world) writer() request.Writer {
	return request.Writer{Applications: applications{w}, ControlPlane: "argocd"}
}

func (w *world) Check(c command.Command) error { return w.writer().Check(c) }

func (w *world) Do(ctx context.Context, c command.Command) (access.Outcome, error) {
	u, effect, err := w.writer().Do(ctx, c)
	if err != nil || u == nil {
		return access.Outcome{Effect: effect}, err
	}
	return access.Outcome{App: toApp(u), Effect: effect}, nil
}

// applications are the files.
type applications struct{ *world }

func (a applications) Read(ctx context.Context, id syncline.AppID) (*unstructured.Unstructured, error) {
	app, err := a.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return &unstructured.Unstructured{Object: app.Manifest}, nil
}

func (a applications) Send(ctx context.Context, write request.Write) (*unstructured.Unstructured, error) {
	if write.Create != nil {
		u := &unstructured.Unstructured{Object: maps.Clone(write.Create)}
		if err := os.MkdirAll(filepath.Join(a.dir, "apps"), 0o755); err != nil {
			return nil, err
		}
		return u, a.write(u)
	}
	u, err := a.Read(ctx, write.App)
	switch {
	case err != nil:
		return nil, err
	case write.Delete != "" && len(u.GetFinalizers()) > 0:
		u.Object["metadata"].(map[string]any)["deletionTimestamp"] = "2026-01-02T03:04:05Z"
		return nil, a.write(u)
	case write.Delete != "":
		return nil, os.Remove(a.file(write.App))
	}
	var patch map[string]any
	if err := json.Unmarshal(write.Patch, &patch); err != nil {
		return nil, err
	}
	wanted, conditional, _ := unstructured.NestedString(patch, "metadata", "resourceVersion")
	if conditional && (a.overtaken() || wanted != u.GetResourceVersion()) {
		return nil, syncline.Errorf(syncline.Conflict, "app %s changed", write.App)
	}
	return a.patch(write.App, patch)
}

// overtaken counts down the file "conflicts".
func (w *world) overtaken() bool {
	file := filepath.Join(w.dir, "conflicts")
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	left, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	_ = os.WriteFile(file, []byte(strconv.Itoa(left-1)), 0o600)
	next, err := filepath.Glob(filepath.Join(w.dir, "apps", "*.yaml.next"))
	for _, file := range next {
		err = errors.Join(err, os.Rename(file, strings.TrimSuffix(file, ".next")))
	}
	return err == nil && left > 0
}

func (w *world) patch(id syncline.AppID, patch map[string]any) (*unstructured.Unstructured, error) {
	u, err := w.read(w.file(id))
	if err != nil {
		return nil, err
	}
	old, _ := json.Marshal(u.Object)
	change, _ := json.Marshal(patch)
	merged, err := jsonpatch.MergePatch(old, change)
	if err != nil {
		return nil, err
	}
	u = &unstructured.Unstructured{}
	if err := json.Unmarshal(merged, &u.Object); err != nil {
		return nil, err
	}
	own(u, patch)
	return u, w.write(u)
}

// own takes note of who wrote the annotations of a patch, as an API server does.
func own(u *unstructured.Unstructured, patch map[string]any) {
	annotations, _, _ := unstructured.NestedMap(patch, "metadata", "annotations")
	if len(annotations) == 0 {
		return
	}
	fields := map[string]any{}
	for name := range annotations {
		fields["f:"+name] = map[string]any{}
	}
	owned, _ := json.Marshal(map[string]any{"f:metadata": map[string]any{"f:annotations": fields}})
	u.SetManagedFields(append(u.GetManagedFields(), metav1.ManagedFieldsEntry{
		Manager: "syncline-cli", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "argoproj.io/v1alpha1",
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(string(owned)),
	}))
}

// engine plans what the file plan.yaml says and reads live.yaml.
type engine struct{ dir string }

type planned struct {
	Action  syncline.Action  `json:"action"`
	Role    syncline.Role    `json:"role"`
	Phase   syncline.Phase   `json:"phase"`
	Wave    int              `json:"wave"`
	Ref     syncline.Ref     `json:"ref"`
	Why     string           `json:"why"`
	Error   string           `json:"error"`
	Confirm bool             `json:"confirm"`
	UID     types.UID        `json:"uid"`
	Fields  []syncline.Field `json:"fields"`
	Desired map[string]any   `json:"desired"`
}

func (e engine) Teardown(ctx context.Context, app syncline.App) (syncline.Plan, error) {
	return e.Plan(ctx, app, syncline.Operation{})
}

func (e engine) Plan(_ context.Context, app syncline.App, operation syncline.Operation) (syncline.Plan, error) {
	text, err := os.ReadFile(filepath.Join(e.dir, "plan.yaml"))
	if err != nil {
		return syncline.Plan{}, syncline.Errorf(syncline.Invalid, "app path %q does not exist", app.Sources[0].Path)
	}
	var changes []planned
	if err := yaml.Unmarshal(text, &changes); err != nil {
		return syncline.Plan{}, err
	}
	plan := syncline.Plan{App: app.ID, Revisions: operation.Revisions}
	if plan.Revisions == nil {
		plan.Revisions = []string{"4444444fffffffffffffffffffffffffffffffff"}
	}
	for _, c := range changes {
		change := syncline.Change{
			Ref: c.Ref, Role: syncline.RoleResource, Action: c.Action, Phase: syncline.Sync, Wave: c.Wave,
			Why: c.Why, Fields: c.Fields, UID: c.UID,
		}
		if c.Role != "" {
			change.Role = c.Role
		}
		if c.Phase != "" {
			change.Phase = c.Phase
		}
		if c.Confirm {
			change.Err = syncline.Errorf(syncline.Waiting, "Prune=confirm waits")
		}
		if c.Error != "" {
			change.Err = errors.New(c.Error)
			if denied, found := strings.CutPrefix(c.Error, "denied: "); found {
				change.Err = syncline.WithHint(syncline.Errorf(syncline.Denied, "%s", denied), "give this right to the user eve, by RBAC")
			}
		}
		if c.Desired != nil {
			if change.Desired, err = syncline.NewObject(c.Desired, "plan.yaml"); err != nil {
				return syncline.Plan{}, err
			}
			change.Ref = change.Desired.Ref()
		}
		plan.Changes = append(plan.Changes, change)
	}
	return plan, nil
}

func (e engine) Live(context.Context, syncline.App) ([]syncline.Object, error) {
	return objectsIn(filepath.Join(e.dir, "live.yaml"))
}

func (e engine) Close() error { return nil }

// renderer reads plain manifests, and writes the request down.
type renderer struct{ dir string }

func (r renderer) Render(_ context.Context, request access.RenderRequest) ([]syncline.Object, error) {
	root, err := filepath.EvalSymlinks(request.Root)
	if err != nil {
		root = request.Root
	}
	noted := request
	noted.Root = strings.TrimPrefix(root, mustAbs(r.dir))
	text, err := json.MarshalIndent(noted, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(r.dir, "request.json"), append(text, '\n'), 0o600); err != nil {
		return nil, err
	}
	if request.Root == "" {
		return nil, nil
	}
	if text, err := os.ReadFile(filepath.Join(root, "outside")); err == nil {
		return nil, syncline.Errorf(syncline.Denied, "%s", strings.TrimSpace(string(text)))
	}
	if text, err := os.ReadFile(filepath.Join(root, "missing")); err == nil {
		return nil, syncline.WithHint(syncline.Errorf(syncline.NotFound, "%s", strings.TrimSpace(string(text))), "add it")
	}
	files, err := filepath.Glob(filepath.Join(root, request.Source.Path, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var all []syncline.Object
	for _, file := range files {
		objects, err := objectsIn(file)
		if err != nil {
			return nil, err
		}
		all = append(all, objects...)
	}
	if others, err := filepath.Glob(filepath.Join(root, request.Source.Path, "*.txt")); err == nil && request.PassedOver != nil {
		for _, other := range others {
			request.PassedOver(filepath.Base(other), "it is text")
		}
	}
	return all, nil
}

func mustAbs(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		panic(err)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		panic(err)
	}
	return abs
}

func objectsIn(file string) ([]syncline.Object, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var objects []syncline.Object
	for document := range strings.SplitSeq(string(text), "---\n") {
		content := map[string]any{}
		if err := yaml.Unmarshal([]byte(document), &content); err != nil {
			return nil, syncline.Errorf(syncline.Invalid, "%s: %w", filepath.Base(file), err)
		}
		object, err := syncline.NewObject(content, filepath.Base(file))
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

func serve(_ context.Context, options access.ServerOptions) error {
	_, err := fmt.Fprintf(os.Stdout, "serving %+v\n", options)
	return err
}

func echo(_ context.Context, in io.Reader, out io.Writer) error {
	_, err := io.Copy(out, in)
	return err
}
