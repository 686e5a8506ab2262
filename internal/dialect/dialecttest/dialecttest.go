// Package dialecttest is what every [syncline.Dialect] has to be like, as the engine
// and its edges rely on it. What its marks and its files mean is each dialect's own
// matter.
package dialecttest

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline-io/syncline"
)

// Subject is a dialect, and what the tests have to be told of it.
type Subject struct {
	Dialect *syncline.Dialect
	// App returns the App that a resource of that name declares.
	App func(namespace, name string) syncline.App
	// Marks are annotations that mean something, and Values what they may say. Others are
	// drawn too.
	Marks, Values []string
	// Overrides are what files say that change a source, in JSON.
	Overrides []string
	// Variables are names of facts.
	Variables []string
}

// fact is something that is true of every dialect, whatever is drawn.
type fact struct {
	name  string
	holds func(*rapid.T, Subject)
}

// Run holds a dialect to every fact.
func Run(t *testing.T, s Subject) {
	for _, some := range [][]fact{naming(), marking(), reading(), rendering()} {
		for _, f := range some {
			t.Run(f.name, func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) { f.holds(t, s) })
			})
		}
	}
}

// RunBeside holds two dialects to what lets Apps of both deliver into one cluster.
func RunBeside(t *testing.T, one, other Subject) {
	for _, f := range beside() {
		t.Run(f.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { f.holds(t, one, other) })
		})
	}
}

func naming() []fact {
	return []fact{
		{"it has a name, and a field manager that the API server takes", named},
		{"it takes over what its own tool and kubectl wrote, and no more", takesOver},
		{"an App's ID is the name of its resource, of a kind that declares Apps", identified},
		{"Apps of two names are two instances", distinct},
	}
}

// factOfTwo is something that is true of any two dialects.
type factOfTwo struct {
	name  string
	holds func(t *rapid.T, one, other Subject)
}

func beside() []factOfTwo {
	return []factOfTwo{
		{"neither is called as the other, or takes over what it applies", apart},
		{"a kind declares Apps of one", declaredOnce},
		{"neither claims what the other stamped", unclaimed},
		{"the stamps of both stand beside each other", undisturbed},
		{"a file that changes sources of one is none of the other's", ownFiles},
	}
}

func named(t *rapid.T, s Subject) {
	const longest = 128
	if s.Dialect.Name == "" || s.Dialect.Manager == "" || len(s.Dialect.Manager) > longest {
		t.Errorf("it is called %q and applies as %q", s.Dialect.Name, s.Dialect.Manager)
	}
}

func takesOver(t *rapid.T, s Subject) {
	for _, manager := range append([]string{s.Dialect.Manager, syncline.KubectlManager}, s.Dialect.Former...) {
		if !s.Dialect.TakesOver(manager) {
			t.Errorf("it does not take over what %s wrote", manager)
		}
	}
	if manager := rapid.StringMatching(`[a-z]{3,8}-of-somebody`).Draw(t, "manager"); s.Dialect.TakesOver(manager) {
		t.Errorf("it takes over what %s wrote", manager)
	}
}

func identified(t *rapid.T, s Subject) {
	app := drawApp(t, s)
	id, ref := app.ID, app.ID.Ref()
	if back := syncline.AppID(ref); back != id {
		t.Errorf("%+v became %+v", id, back)
	}
	of := syncline.Dialects{s.Dialect}
	if !of.IsApp(ref.GroupKind()) || of.ServesApps(ref.GroupKind()) || ref.Group == "" {
		t.Errorf("%s declares no App, or serves Apps, or is of no group", ref)
	}
	for _, kind := range s.Dialect.Serving {
		if of.IsApp(kind) || !of.ServesApps(kind) {
			t.Errorf("%s declares Apps, or serves none", kind)
		}
	}
	if plain := drawObject(t, "plain").Ref().GroupKind(); of.IsApp(plain) || of.ServesApps(plain) {
		t.Errorf("%s concerns Apps", plain)
	}
}

func distinct(t *rapid.T, s Subject) {
	one, other := drawApp(t, s), drawApp(t, s)
	if same := one.Instance == other.Instance; one.Instance == "" || same != (one.ID == other.ID) {
		t.Errorf("%s is %q, and %s is %q", one.ID, one.Instance, other.ID, other.Instance)
	}
}

func apart(t *rapid.T, one, other Subject) {
	if one.Dialect.Name == other.Dialect.Name || one.Dialect.TakesOver(other.Dialect.Manager) || other.Dialect.TakesOver(one.Dialect.Manager) {
		t.Errorf("%s applies as %s, and %s as %s", one.Dialect.Name, one.Dialect.Manager, other.Dialect.Name, other.Dialect.Manager)
	}
}

func declaredOnce(t *rapid.T, one, other Subject) {
	of := syncline.Dialects{other.Dialect}
	for _, kind := range one.Dialect.Apps {
		if of.IsApp(kind) || of.ServesApps(kind) {
			t.Errorf("%s is of both", kind)
		}
	}
}

func unclaimed(t *rapid.T, one, other Subject) {
	object, app := drawObject(t, "object"), drawApp(t, one)
	stamped := one.Dialect.Ownership.Stamp(bare(t, object), app)
	if owner := other.Dialect.Ownership.Owner(stamped.Ref(), stamped); owner != "" {
		t.Errorf("%s says that %s is of %q", other.Dialect.Name, stamped, owner)
	}
	want, by := one.Dialect.Ownership.Owner(stamped.Ref(), stamped), one.Dialect
	if want == "" {
		by = nil
	}
	for _, both := range []syncline.Dialects{{one.Dialect, other.Dialect}, {other.Dialect, one.Dialect}} {
		if instance, said := both.Owner(stamped.Ref(), stamped); instance != want || said != by {
			t.Errorf("%s is of %q, want %q", stamped, instance, want)
		}
	}
}

func undisturbed(t *rapid.T, one, other Subject) {
	object, app, second := drawObject(t, "object"), drawApp(t, one), drawApp(t, other)
	first := one.Dialect.Ownership.Stamp(object, app)
	both := other.Dialect.Ownership.Stamp(first, second)
	if before, now := one.Dialect.Ownership.Owner(first.Ref(), first), one.Dialect.Ownership.Owner(both.Ref(), both); now != before {
		t.Errorf("%s was of %q, and is of %q", both, before, now)
	}
}

func ownFiles(t *rapid.T, one, other Subject) {
	mine, theirs := one.Dialect.Rendering.Overrider, other.Dialect.Rendering.Overrider
	if mine == nil || theirs == nil {
		return
	}
	for _, name := range mine.Files(drawApp(t, one).Instance) {
		if theirs.IsFile(name) {
			t.Errorf("%s is a file of both", name)
		}
	}
}
