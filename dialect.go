package syncline

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// Dialect is how the resources of one tool declare Apps, and how the objects of these
// are marked: a value of each App.
type Dialect struct {
	// Name tells dialects apart.
	Name string
	// Manager is the field manager under which its Apps are applied.
	Manager string
	// Former are the managers under which its tool wrote before, by updates: what they
	// own becomes the Manager's, and goes when it leaves the source.
	Former []string
	// Inventory says that an App has the objects that its status lists, and no others: one
	// that only bears its marks is left alone.
	Inventory bool
	// Apps are the kinds that declare Apps, and Serving those that Apps need to the end.
	Apps, Serving []schema.GroupKind
	// Ownership says whose an object is, and Conventions what it asks for.
	Ownership   Ownership
	Conventions Conventions
	// Rendering is what a source's files and variables say of how it is rendered.
	Rendering Rendering
	// Words are what messages call things in the language of the tool.
	Words Words
}

// Words are the names that people of a tool know, for messages that say what to do.
type Words struct {
	// Approval is how a person approves deletions in the tool's own way; "" when there
	// is none but Syncline's.
	Approval string
	// HookDelete is how a hook's object is deleted before it is made again, and
	// HookPhases names the phases that there are.
	HookDelete, HookPhases string
	// PreDelete is the finalizer that stands for hooks before a deletion.
	PreDelete string
}

// Ownership is how a dialect marks whose an object is.
type Ownership interface {
	// Stamp returns the object with the marks which say that it is the App's.
	Stamp(object Object, app App) Object
	// Owner returns the [App.Instance] that the marks of an object name, "" when they
	// name none: marks that were copied from another object say nothing.
	Owner(ref Ref, object Marked) string
	// Named returns the instance that weaker marks name, which prove nothing, or "".
	Named(object Marked) string
	// Proof is the field that Stamp writes, as a path of managedFields: who owns it
	// made the object. Anybody may write it under another name.
	Proof() []string
}

// Conventions are what annotations and labels mean to a dialect.
type Conventions interface {
	// Steers reports whether an annotation, or a label, means anything, so that it is
	// remembered of live objects. It is a closed set, because anybody can invent keys.
	Steers(key string, label bool) bool
	// Beyond stands for the value of an annotation or a label that is too long to be
	// remembered, which may say anything at its end; "" where its beginning will do.
	Beyond(key string) string
	// Slip returns the key of the annotation that was probably meant by another one, which
	// means nothing; "" when none was. Read finds what slips say by internal/base/near.
	Slip(key string) string
	// Read returns what an object asks for.
	Read(object Marked) Directive
}

// Marked is an object as its marks are read. What it does not have is "".
type Marked interface {
	Annotation(key string) string
	Label(key string) string
}

// Content is an object as it was decoded, as its marks are read.
type Content map[string]any

// Annotation returns the value of an annotation, or "".
func (c Content) Annotation(key string) string { return c.text("annotations", key) }

// Label returns the value of a label, or "".
func (c Content) Label(key string) string { return c.text("labels", key) }

func (c Content) text(field, key string) string {
	metadata, _ := c["metadata"].(map[string]any)
	return textIn(metadata, field, key)
}

// textIn returns the value of an annotation or a label in an object's metadata, or "".
func textIn(metadata map[string]any, field, key string) string {
	texts, _ := metadata[field].(map[string]any)
	text, _ := texts[key].(string)
	return text
}

// Directive is what an object asks for by its marks.
type Directive struct {
	// Wave is when it is applied among the others of its phase.
	Wave int
	// Hook is set for an object that is run and not kept as it is declared.
	Hook *Hook
	// Options are the object's own.
	Options option.List
	// Keep says by what it asks never to be deleted, as in "helm.sh/resource-policy:
	// keep"; "" when it does not.
	Keep string
	// IgnoreExtraneous says that the App is in sync while an object is left that is not
	// declared any more, and IgnoreHealth that its health does not count.
	IgnoreExtraneous, IgnoreHealth bool
	// RunsOn says that a Pod is to run on, though its restart policy says that it ends.
	RunsOn bool
}

// Hook is what an object that is a hook asks for.
type Hook struct {
	// Phases are those in which it runs; none when no operation runs it.
	Phases []Phase
	// Policies say when its object is deleted; none when it never is.
	Policies []HookPolicy
	// PreDelete and PostDelete say that it wants to run when the App is deleted.
	PreDelete, PostDelete bool
	// Key and Value are the annotation that makes it a hook, and Unknown those names in
	// it that mean nothing, sorted.
	Key, Value string
	Unknown    []string
}

// Rendering is how a dialect lets files that lie in a source, and variables in its
// options, change what it renders to. The zero value lets none.
type Rendering struct {
	// Overrider has files that change the options; nil for none.
	Overrider Overrider
	// Skip, anywhere in a file of a folder of manifests, leaves that out; "" for none.
	Skip string
	// Variables are what options ask for by "$NAME", and what plugins get; nil for none.
	Variables Variables
}

// Variables are names of facts.
type Variables interface {
	Fact(name string) (Fact, bool)
	// Environ returns those of a plugin, each "NAME=value"; its options may be nil.
	Environ(options *tool.Plugin, cluster Capabilities, fact func(Fact) string) []string
}

// Overrider is how files in the folder of a source change its options.
type Overrider interface {
	// Files names those for an [App.Instance]; each changes what the last one made.
	Files(instance string) []string
	// IsFile reports whether a file is one for any App, so that it is no manifest.
	IsFile(name string) bool
	// Override returns the source as the content of such a file, decoded, changes it:
	// how it is rendered, and not what. Its errors name the field and quote no values.
	Override(source Source, content map[string]any) (Source, error)
}

// Fact is something of an App that the options of its sources may ask for.
type Fact string

// The facts: the App's instance and project, the namespace of its destination, the
// commit, also by its first seven and eight digits, and what the source declares.
const (
	FactInstance  Fact = "instance"
	FactProject   Fact = "project"
	FactNamespace Fact = "namespace"
	FactRevision  Fact = "revision"
	FactRevision7 Fact = "revision-7"
	FactRevision8 Fact = "revision-8"
	FactRepoURL   Fact = "source-repository"
	FactPath      Fact = "source-path"
	FactTarget    Fact = "source-revision"
)

// TakesOver reports whether what a manager wrote by updates is taken over by the Apps
// of the dialect: by kubectl, by the tool under an earlier name, or under the Manager
// before that applied.
func (d *Dialect) TakesOver(manager string) bool {
	return manager == KubectlManager || manager == d.Manager || slices.Contains(d.Former, manager)
}

// Dialects are those in which Apps are declared, whose objects are in a cluster.
type Dialects []*Dialect

// IsApp reports whether objects of a kind declare Apps.
func (ds Dialects) IsApp(kind schema.GroupKind) bool {
	return slices.ContainsFunc(ds, func(d *Dialect) bool { return slices.Contains(d.Apps, kind) })
}

// ServesApps reports whether Apps need objects of a kind until they are gone: projects.
func (ds Dialects) ServesApps(kind schema.GroupKind) bool {
	return slices.ContainsFunc(ds, func(d *Dialect) bool { return slices.Contains(d.Serving, kind) })
}

// Owner returns the instance that an object's marks name, and the dialect that says so:
// the first that does. It is "" and nil when none does.
func (ds Dialects) Owner(ref Ref, object Marked) (instance string, by *Dialect) {
	for _, d := range ds {
		if instance := d.Ownership.Owner(ref, object); instance != "" {
			return instance, d
		}
	}
	return "", nil
}

// Steers reports whether an annotation, or a label, of a live object is remembered: it
// means something to a dialect, or is Syncline's own.
func (ds Dialects) Steers(key string, label bool) bool {
	if !label && (key == AnnotationOperation || key == AnnotationApprovePrune) {
		return true
	}
	for _, d := range ds {
		if d.Conventions.Steers(key, label) {
			return true
		}
	}
	return false
}
