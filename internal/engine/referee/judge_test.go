package referee

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
)

func isRefusal(err error) bool {
	return strings.Contains(err.Error(), "the referee refuses it") && apierrors.IsInvalid(err)
}

// judge collects what is wrong with one round.
type judge struct {
	round
	arena *arena
	rules rules
	wrong []string
}

func (j *judge) objects(format string, args ...any) {
	if text := j.what + ": " + fmt.Sprintf(format, args...); !slices.Contains(j.wrong, text) {
		j.wrong = append(j.wrong, text)
	}
}

// judged returns what is wrong with a round.
func (a *arena) judged(r round) []string {
	j := &judge{round: r, arena: a, rules: rules{
		app: a.app, namespace: a.name, declared: map[syncline.Ref]syncline.Object{}, live: r.before, approved: a.app.ApprovedAt, leaving: a.app.Deleting != nil,
	}}
	for _, o := range r.declared {
		ref := o.Ref()
		if !kindNamed(ref.Kind).cluster {
			ref.Namespace = a.name
		}
		j.rules.declared[ref] = o
	}
	for _, turn := range r.turns {
		j.rules.operation = turn.operation
		if turn.result.Performed == nil {
			continue
		}
		for _, c := range turn.result.Performed.Changes {
			j.planned(c)
		}
	}
	for _, request := range r.requests {
		j.request(request)
	}
	j.vanished()
	switch {
	case a.app.Deleting != nil:
		j.left()
	case r.operation != nil && r.operation.Phase == syncline.OperationSucceeded:
		j.rules.operation = r.operation.Operation
		j.demanded()
	}
	return j.wrong
}

// planned judges one change of a plan by the rules.
func (j *judge) planned(c syncline.Change) {
	why := ""
	switch {
	case c.Action == syncline.Prune && c.Role == syncline.RoleResource:
		if j.rules.live[c.Ref] == nil {
			why = "it was not there"
		} else {
			why = j.rules.keptFor(c.Ref)
		}
	case c.Action == syncline.Recreate:
		why = j.rules.mayRecreate(c.Ref)
	case c.Action == syncline.Run && !j.rules.runs(c.Ref):
		why = "no hook of that name is declared"
	}
	if why != "" {
		j.objects("the plan has %s %s: %s", c.Action, c.Ref, why)
	}
}

// request judges what was done to an object: whether the plan of its turn shows it.
func (j *judge) request(r request) {
	if !r.did() {
		return
	}
	turn := j.turns[slices.IndexFunc(j.turns, func(t record) bool { return t.turn == r.turn })]
	j.rules.operation = turn.operation
	var changes []syncline.Change
	if turn.result.Performed != nil {
		for _, c := range turn.result.Performed.Changes {
			if c.Ref == r.ref && c.Action != syncline.Keep && c.Action != syncline.Retain {
				changes = append(changes, c)
			}
		}
	}
	switch {
	case len(changes) == 0:
		j.objects("%s %s, which is in no plan", r.verb, r.ref)
	case j.rules.operation.DryRun:
		j.objects("%s %s in a dry run", r.verb, r.ref)
	case r.verb == "delete":
		j.deleted(r, changes)
	case r.after == nil:
		j.objects("%s %s has no answer that the referee can read", r.verb, r.ref)
	case r.before == nil || r.before.GetUID() != r.after.GetUID():
		j.created(r, changes)
	default:
		j.changed(r, changes)
	}
}

// deleted judges a deletion by the plan, which has to name the very object, and by
// the rules.
func (j *judge) deleted(r request, changes []syncline.Change) {
	if r.before == nil || r.uid == "" || r.uid != string(r.before.GetUID()) {
		j.objects("the deletion of %s is not of the object that was there: it asked for UID %q", r.ref, r.uid)
		return
	}
	earlier := j.before[r.ref] != nil && j.before[r.ref].GetUID() == r.before.GetUID() && !j.appliedOver(r)
	why := "it is in the plan as another object or for another reason"
	for _, c := range changes {
		switch {
		case c.Role == syncline.RoleHook && !j.rules.leaving:
			why = j.rules.mayDeleteHook(r.ref, earlier, j.operation)
		case string(c.UID) != r.uid:
		case c.Action == syncline.Prune:
			why = j.rules.mayPrune(r.ref)
		case c.Action == syncline.Recreate:
			why = j.rules.mayRecreate(r.ref)
		}
		if why == "" {
			return
		}
	}
	j.objects("%s was deleted: %s", r.ref, why)
}

// appliedOver reports whether the object of an earlier run was made the run of this
// operation, before a deletion.
func (j *judge) appliedOver(deletion request) bool {
	return slices.ContainsFunc(j.requests, func(r request) bool {
		return r.verb == "apply" && r.did() && r.turn <= deletion.turn && r.after != nil && r.after.GetUID() == deletion.before.GetUID()
	})
}

func (j *judge) created(r request, changes []syncline.Change) {
	if !slices.ContainsFunc(changes, func(c syncline.Change) bool {
		return c.Action == syncline.Create || c.Action == syncline.Recreate || c.Action == syncline.Run
	}) {
		j.objects("%s was created by %s, and the plan says %s", r.ref, r.verb, changes[0].Action)
	}
}

// gave judges a write after which a field manager has to own something.
func (j *judge) gave(r request, manager any) {
	if !slices.ContainsFunc(r.after.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool { return e.Manager == manager }) {
		j.objects("%s: the plan gives fields to %v, and %s gave it none", r.ref, manager, r.verb)
	}
}

// changed judges a write over an object that was there: every field that differs
// afterwards has to be shown, with the value that it got.
func (j *judge) changed(r request, changes []syncline.Change) {
	c := changes[0]
	differing := differences(bare(r.before), bare(r.after))
	if c.Role == syncline.RoleHook {
		j.changedHook(r, c, differing)
		return
	}
	var shown [][]string
	for _, f := range c.Fields {
		if f.Path == "metadata.managedFields" { // whose the declared fields are to be
			j.gave(r, f.Desired)
			continue
		}
		path := parsePath(f.Path)
		shown = append(shown, path)
		got, want := valueAt(bare(r.after), path), f.Desired
		comes := c.Migrate && want == nil // as a default, in place of the value that goes
		if r.ref.Kind != "Secret" && r.verb != "patch" && !sameJSON(got, want) && !comes {
			j.objects("%s: the plan shows %s = %v, and it got %v", r.ref, f.Path, want, got)
		}
	}
	for _, path := range differing {
		if r.verb == "apply" && !c.Merged.IsZero() && path[len(path)-1] == "deployment.kubernetes.io/revision" {
			continue // its controller counts what was put before
		}
		if !slices.ContainsFunc(shown, func(s []string) bool { return related(s, path) || c.Migrate && defaulted(path, s) }) {
			j.objects("%s: %s by %s changed %s from %v to %v, which the plan does not show (it shows %v)", r.ref, c.Action, r.verb,
				strings.Join(path, "."), valueAt(bare(r.before), path), valueAt(bare(r.after), path), paths(c.Fields))
		}
	}
	j.respected(r, c)
}

// defaulted reports whether a field goes as a default of one beside it: Kubernetes
// ties that of a Service's session affinity to its kind.
func defaulted(path, shown []string) bool {
	return path[len(path)-1] == "sessionAffinityConfig" && shown[len(shown)-1] == "sessionAffinity"
}

// changedHook judges what a hook's Change does to an object that is there: it is
// applied over where no policy deletes it before, or released.
func (j *judge) changedHook(r request, c syncline.Change, differing [][]string) {
	released := !slices.ContainsFunc(differing, func(path []string) bool { return path[0] != "metadata" || path[1] != "finalizers" })
	over := c.Action == syncline.Run && c.UID == r.before.GetUID() && !slices.Contains(policies(j.rules.declared[r.ref]), "BeforeHookCreation")
	if !released && !over {
		j.objects("the object of hook %s was changed in %v", r.ref, differing)
	}
}

func paths(fields []syncline.Field) []string {
	var found []string
	for _, f := range fields {
		found = append(found, f.Path)
	}
	return found
}

// respected holds that what is ignored keeps its live value under
// RespectIgnoreDifferences.
func (j *judge) respected(r request, c syncline.Change) {
	if c.Role != syncline.RoleResource || j.rules.option("", "RespectIgnoreDifferences") != "true" {
		return
	}
	for _, rule := range j.arena.ignore {
		for _, pointer := range rule.JSONPointers {
			tokens := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
			if slices.ContainsFunc(tokens, func(token string) bool { _, err := strconv.Atoi(token); return err == nil }) {
				continue // which item that is depends on the order
			}
			was, existed, _ := unstructured.NestedFieldNoCopy(r.before.Object, tokens...)
			is, _, _ := unstructured.NestedFieldNoCopy(r.after.Object, tokens...)
			if existed && !sameJSON(was, is) {
				j.objects("%s: the ignored %s was %v and is %v", r.ref, pointer, was, is)
			}
		}
	}
}

// vanished holds that no object went but by a deletion that was judged, or because
// others had deleted it.
func (j *judge) vanished() {
	for ref, was := range j.before {
		if is := j.after[ref]; is != nil && is.GetUID() == was.GetUID() || was.GetDeletionTimestamp() != nil {
			continue
		}
		if !slices.ContainsFunc(j.requests, func(r request) bool { return r.verb == "delete" && r.uid == string(was.GetUID()) }) {
			j.objects("%s is gone, and nobody asked for its deletion", ref)
		}
	}
}

// demanded holds that an operation which succeeded did what it had to.
func (j *judge) demanded() {
	if j.rules.operation.DryRun {
		return
	}
	for ref, was := range j.before {
		is := j.after[ref]
		stays := is != nil && is.GetUID() == was.GetUID() && is.GetDeletionTimestamp() == nil
		if ref.Kind != "Namespace" && stays && j.rules.mayPrune(ref) == "" {
			j.objects("%s was to be pruned, and is still there", ref)
		}
	}
	for ref, o := range j.rules.declared {
		found, hook := phases(o)
		switch is := j.after[ref]; {
		case hook && len(found) > 0:
			j.demandedHook(ref, o, found)
		case hook || !j.rules.selected(ref):
		case is == nil:
			j.objects("%s is declared, and is not there", ref)
		default:
			for _, path := range lacking(desired(o), bare(is)) {
				if !j.ignores(path) {
					j.objects("%s: %s is %v, not as declared", ref, strings.Join(path, "."), valueAt(bare(is), path))
				}
			}
		}
	}
}

// left holds that nothing is left of an App that went, but what is kept.
func (j *judge) left() {
	for ref, was := range j.before {
		is := j.after[ref]
		stays := is != nil && is.GetUID() == was.GetUID()
		if ref.Kind != "Namespace" && stays && j.arena.gone && j.rules.mayPrune(ref) == "" {
			j.objects("%s is still there after the App went", ref)
		}
	}
}

// demandedHook holds that a hook ran, and that its object is deleted or left as
// its policies say.
func (j *judge) demandedHook(ref syncline.Ref, o syncline.Object, in []string) {
	if j.rules.operation.SkipHooks || j.rules.operation.Partial() || slices.Equal(in, []string{"SyncFail"}) {
		return
	}
	is := j.after[ref]
	goes := slices.Contains(policies(o), "HookSucceeded")
	switch {
	case goes && is != nil && is.GetDeletionTimestamp() == nil:
		j.objects("hook %s is still there, which HookSucceeded deletes", ref)
	case !goes && is == nil:
		j.objects("hook %s is not there after it ran", ref)
	case is != nil && is.GetDeletionTimestamp() == nil && slices.Contains(is.GetFinalizers(), syncline.FinalizerHook):
		j.objects("hook %s is held after the operation", ref)
	}
}

// ignores reports whether an ignore rule may concern a path.
func (j *judge) ignores(path []string) bool {
	for _, rule := range j.arena.ignore {
		if len(rule.JQPathExpressions)+len(rule.Managers) > 0 {
			return true
		}
		for _, pointer := range rule.JSONPointers {
			tokens := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
			same := true
			for i := range min(len(tokens), len(path)) {
				if _, err := strconv.Atoi(tokens[i]); err != nil && tokens[i] != path[i] {
					same = false
				}
			}
			if same {
				return true
			}
		}
	}
	return false
}

// bare returns what counts of an object: not what the API server keeps in it
// about itself, nor what controllers write into it at any time, such as between
// the judge's look and the request.
func bare(u *unstructured.Unstructured) map[string]any {
	content := u.DeepCopy().Object
	for _, field := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"} {
		unstructured.RemoveNestedField(content, "metadata", field)
	}
	unstructured.RemoveNestedField(content, "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
	delete(content, "status")
	if u.GetKind() == "PersistentVolumeClaim" {
		unstructured.RemoveNestedField(content, "spec", "volumeName")
	}
	for key := range u.GetAnnotations() {
		if strings.HasPrefix(key, "pv.kubernetes.io/") || strings.HasPrefix(key, "volume.kubernetes.io/") || key == "deployment.kubernetes.io/revision" {
			unstructured.RemoveNestedField(content, "metadata", "annotations", key)
		}
	}
	metadata, _ := content["metadata"].(map[string]any)
	for _, field := range []string{"annotations", "labels"} {
		if m, ok := metadata[field].(map[string]any); ok && len(m) == 0 {
			delete(metadata, field)
		}
	}
	return content
}

// desired returns what a declared object asks for, as it will be live.
func desired(o syncline.Object) map[string]any {
	content := o.Reveal().Object
	if texts, ok := content["stringData"].(map[string]any); ok {
		data := content["data"].(map[string]any)
		for key, value := range texts {
			data[key] = encoded(value.(string))
		}
		delete(content, "stringData")
	}
	return content
}

// differences returns the paths of what differs, as low as can be.
func differences(before, after map[string]any) [][]string {
	var found [][]string
	walk(nil, before, after, func(path []string) { found = append(found, path) })
	return found
}

// lacking returns the paths of what is asked for and is not so.
func lacking(asked, is map[string]any) [][]string {
	var found [][]string
	walk(nil, asked, is, func(path []string) {
		if last := len(path) - 1; strings.HasPrefix(path[last], "[") && !strings.Contains(path[last], "=") {
			path = path[:last]
		}
		if want := valueAt(asked, path); want != nil && !within(want, valueAt(is, path)) {
			found = append(found, path)
		}
	})
	return found
}

// within reports whether all that a value has is in another.
func within(part, whole any) bool {
	fields, ok := part.(map[string]any)
	content, _ := whole.(map[string]any)
	if !ok {
		return sameJSON(part, whole) || isEmpty(part) && whole == nil || isPart(part, whole)
	}
	for key, value := range fields {
		if !within(value, content[key]) {
			return false
		}
	}
	return true
}

// isPart reports whether a list of texts is a set that has another: in a set the
// order is that of who came first, and others may add to it.
func isPart(part, whole any) bool {
	asked, ok1 := part.([]any)
	list, ok2 := whole.([]any)
	return ok1 && ok2 && !slices.ContainsFunc(asked, func(item any) bool {
		_, text := item.(string)
		return !text || !slices.Contains(list, item)
	})
}

func isEmpty(value any) bool {
	v := reflect.ValueOf(value)
	return value == nil || (v.Kind() == reflect.Map || v.Kind() == reflect.Slice) && v.Len() == 0
}

// walk tells the paths at which two values differ. Lists of named items are
// compared by name.
func walk(path []string, before, after any, tell func([]string)) {
	if sameJSON(before, after) {
		return
	}
	was, is := parts(before, after), parts(after, before)
	if was == nil || is == nil {
		tell(path)
		return
	}
	told := false
	for key := range both(was, is) {
		told = true
		walk(append(slices.Clip(path), key), was[key], is[key], tell)
	}
	if _, list := before.([]any); list && !told {
		tell(path)
	}
}

// both returns the keys of both maps.
func both(a, b map[string]any) map[string]bool {
	keys := map[string]bool{}
	for key := range a {
		keys[key] = true
	}
	for key := range b {
		keys[key] = true
	}
	return keys
}

// parts returns the parts of a map or a list by the step of a path that leads to
// each; nil for any other value.
func parts(value, other any) map[string]any {
	switch v := value.(type) {
	case map[string]any:
		return v
	case []any:
		theirs, _ := other.([]any)
		named, ok1 := byName(v)
		if _, ok2 := byName(theirs); ok1 && ok2 {
			return named
		}
		found := map[string]any{}
		for i, item := range v {
			found[fmt.Sprintf("[%d]", i)] = item
		}
		return found
	}
	return nil
}

func byName(list []any) (map[string]any, bool) {
	found := map[string]any{}
	for _, item := range list {
		content, _ := item.(map[string]any)
		name, ok := content["name"].(string)
		step := fmt.Sprintf("[name=%s]", name)
		if _, twice := found[step]; !ok || twice {
			return nil, false
		}
		found[step] = item
	}
	return found, true
}

// parsePath splits the path of a shown field into its steps.
func parsePath(path string) []string {
	var steps []string
	for path != "" {
		switch {
		case path[0] == '.':
			path = path[1:]
		case strings.HasPrefix(path, `["`):
			quoted, err := strconv.QuotedPrefix(path[1:])
			if err != nil {
				return append(steps, path)
			}
			key, _ := strconv.Unquote(quoted)
			steps, path = append(steps, key), path[1+len(quoted)+1:]
		case path[0] == '[':
			end := strings.IndexByte(path, ']') + 1
			steps, path = append(steps, path[:end]), path[end:]
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			steps, path = append(steps, path[:end]), path[end:]
		}
	}
	return steps
}

// related reports whether one path is the other or leads to it.
func related(a, b []string) bool {
	n := min(len(a), len(b))
	return slices.Equal(a[:n], b[:n])
}

// valueAt returns the value at a path, nil when there is none.
func valueAt(value any, path []string) any {
	for _, step := range path {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			value = itemAt(v, step)
		default:
			return nil
		}
	}
	return value
}

func itemAt(list []any, step string) any {
	if index, err := strconv.Atoi(strings.Trim(step, "[]")); err == nil {
		if index < len(list) {
			return list[index]
		}
		return nil
	}
	named, _ := byName(list)
	return named[step]
}

func sameJSON(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}
