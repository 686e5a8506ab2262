package dialecttest

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/syncline-io/syncline"
)

func marking() []fact {
	return []fact{
		{"what is stamped is the App's", stamped},
		{"the proof is what the stamp wrote", proved},
		{"a stamp writes marks, once, and changes nothing else", stampsOnly},
		{"a copied mark proves nothing", copied},
		{"what bears no mark is nobody's", unmarked},
		{"whose an object is is told of any text, and always the same", anyOwner},
		{"marks survive JSON", survives},
	}
}

// stampsOnly is the fact that a stamp writes what it writes to any object, and that is
// all that differs.
func stampsOnly(t *rapid.T, s Subject) {
	object, app := drawObject(t, "object"), drawApp(t, s)
	before := object.Redacted()
	stamped := s.Dialect.Ownership.Stamp(object, app)
	if !reflect.DeepEqual(object.Redacted(), before) {
		t.Errorf("the stamp changed the object that it was given")
	}
	if again := s.Dialect.Ownership.Stamp(stamped, app); !again.Equal(stamped) {
		t.Errorf("stamped twice it is %v, and once %v", again.Redacted(), stamped.Redacted())
	}
	marked := s.Dialect.Ownership.Stamp(bare(t, object), app)
	if want := with(object, textsOf(marked, "annotations"), textsOf(marked, "labels")); !stamped.Equal(want) {
		t.Errorf("stamped it is %v, want %v", stamped.Redacted(), want.Redacted())
	}
	if !bare(t, marked).Equal(bare(t, object)) || marked.Ref() != object.Ref() {
		t.Errorf("a stamp wrote more than marks: %v", marked.Redacted())
	}
}

// survives is the fact that an object says the same when it was written and read.
func survives(t *rapid.T, s Subject) {
	object, app := drawObject(t, "object"), drawApp(t, s)
	marks := drawMarks(t, s)
	for key, text := range marks {
		if label, isLabel := strings.CutPrefix(key, syncline.LabelKey("")); isLabel {
			object = object.WithLabel(label, strings.ToValidUTF8(text, ""))
		} else {
			object = object.WithAnnotation(key, strings.ToValidUTF8(text, ""))
		}
	}
	stamped := s.Dialect.Ownership.Stamp(object, app)
	text, err := json.Marshal(stamped.Redacted())
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := json.Unmarshal(text, &content); err != nil {
		t.Fatal(err)
	}
	if owner := s.Dialect.Ownership.Owner(stamped.Ref(), syncline.Content(content)); owner != app.Instance {
		t.Errorf("it is of %q, want %q", owner, app.Instance)
	}
	read, want := s.Dialect.Conventions.Read(syncline.Content(content)), s.Dialect.Conventions.Read(stamped)
	if !reflect.DeepEqual(read, want) {
		t.Errorf("it asks for %+v, want %+v", read, want)
	}
}

func reading() []fact {
	return []fact{
		{"what an object asks for is told of any marks, and always the same", anyMarks},
		{"nothing is asked for by what means nothing", meaningless},
		{"what is read is remembered", remembered},
		{"what is too long to be remembered keeps the object", beyond},
	}
}

// closed holds a hook to the sets of phases and policies that there are.
func closed(t *rapid.T, hook syncline.Hook) {
	phases := []syncline.Phase{syncline.PreSync, syncline.Sync, syncline.PostSync, syncline.SyncFail}
	for i, phase := range hook.Phases {
		if !slices.Contains(phases, phase) || slices.Contains(hook.Phases[:i], phase) {
			t.Errorf("it runs in %q", hook.Phases)
		}
	}
	policies := []syncline.HookPolicy{syncline.BeforeHookCreation, syncline.HookSucceeded, syncline.HookFailed}
	for _, policy := range hook.Policies {
		if !slices.Contains(policies, policy) {
			t.Errorf("it goes by %q", hook.Policies)
		}
	}
	if !slices.IsSorted(hook.Unknown) || len(slices.Compact(slices.Clone(hook.Unknown))) != len(hook.Unknown) || hook.Key == "" {
		t.Errorf("it is made a hook by %q, with %q", hook.Key, hook.Unknown)
	}
}

func stamped(t *rapid.T, s Subject) {
	object, app := drawObject(t, "object"), drawApp(t, s)
	stamped := s.Dialect.Ownership.Stamp(object, app)
	if owner := s.Dialect.Ownership.Owner(stamped.Ref(), stamped); owner != app.Instance {
		t.Errorf("%s is of %q, want %q", stamped, owner, app.Instance)
	}
	next := drawApp(t, s)
	again := s.Dialect.Ownership.Stamp(stamped, next)
	if owner := s.Dialect.Ownership.Owner(again.Ref(), again); owner != next.Instance {
		t.Errorf("%s is of %q, and was stamped for %q last", again, owner, next.Instance)
	}
}

func proved(t *rapid.T, s Subject) {
	stamped := s.Dialect.Ownership.Stamp(bare(t, drawObject(t, "object")), drawApp(t, s))
	var at any = stamped.Redacted()
	for _, field := range s.Dialect.Ownership.Proof() {
		name, isField := strings.CutPrefix(field, "f:")
		fields, isMap := at.(map[string]any)
		if at = fields[name]; !isField || !isMap || at == nil {
			t.Fatalf("%s has no %s of %q", stamped, field, s.Dialect.Ownership.Proof())
		}
	}
}

func copied(t *rapid.T, s Subject) {
	stamped := s.Dialect.Ownership.Stamp(bare(t, drawObject(t, "object")), drawApp(t, s))
	copied := with(bare(t, drawObject(t, "other")), textsOf(stamped, "annotations"), textsOf(stamped, "labels"))
	owner := s.Dialect.Ownership.Owner(copied.Ref(), copied)
	if owner != "" && !s.Dialect.Inventory && copied.Ref() != stamped.Ref() {
		t.Errorf("%s bears the marks of %s and is of %q, and no inventory is asked", copied, stamped, owner)
	}
}

func unmarked(t *rapid.T, s Subject) {
	object := drawObject(t, "object")
	if owner := s.Dialect.Ownership.Owner(object.Ref(), object); owner != "" {
		t.Errorf("%s is of %q", object, owner)
	}
}

func anyOwner(t *rapid.T, s Subject) {
	object, app := drawObject(t, "object"), drawApp(t, s)
	stamped := s.Dialect.Ownership.Stamp(bare(t, object), app)
	for _, field := range []string{"annotations", "labels"} {
		for key, value := range textsOf(stamped, field) {
			text := rapid.OneOf(rapid.String(), rapid.Just(value.(string)+":"), rapid.Just(strings.Repeat(value.(string), 2000))).Draw(t, key)
			object = with(object, map[string]any{key: text}, map[string]any{key: text})
		}
	}
	owner := s.Dialect.Ownership.Owner(object.Ref(), object)
	if again := s.Dialect.Ownership.Owner(object.Ref(), object); again != owner {
		t.Errorf("it is of %q and of %q", owner, again)
	}
}

func anyMarks(t *rapid.T, s Subject) {
	marks := drawMarks(t, s)
	asks := s.Dialect.Conventions.Read(marks)
	if again := s.Dialect.Conventions.Read(marks); !reflect.DeepEqual(again, asks) {
		t.Errorf("it asks for %+v and for %+v", asks, again)
	}
	if asks.Hook != nil {
		closed(t, *asks.Hook)
	}
}

func meaningless(t *rapid.T, s Subject) {
	if asks := s.Dialect.Conventions.Read(drawObject(t, "object")); !reflect.DeepEqual(asks, s.Dialect.Conventions.Read(syncline.Marks{})) {
		t.Errorf("it asks for %+v", asks)
	}
}

func remembered(t *rapid.T, s Subject) {
	marks := drawMarks(t, s)
	remembered := syncline.Marks{}
	for key, text := range marks {
		label, isLabel := strings.CutPrefix(key, syncline.LabelKey(""))
		if s.Dialect.Conventions.Steers(label, isLabel) {
			remembered[key] = text
		}
	}
	if all, some := s.Dialect.Conventions.Read(marks), s.Dialect.Conventions.Read(remembered); !reflect.DeepEqual(all, some) {
		t.Errorf("it asks for %+v, and what is remembered for %+v", all, some)
	}
}

func beyond(t *rapid.T, s Subject) {
	for key := range drawMarks(t, s) {
		instead := s.Dialect.Conventions.Beyond(key)
		if instead == "" {
			continue
		}
		asks := s.Dialect.Conventions.Read(syncline.Marks{key: instead})
		if !s.Dialect.Conventions.Steers(key, false) || asks.Keep == "" && !(asks.Options.Has("Prune=false") && asks.Options.Has("Delete=false")) {
			t.Errorf("%s, when it is too long, asks for %+v", key, asks)
		}
	}
}
