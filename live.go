package syncline

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/internal/base/fieldmanager"
)

// Live is what Syncline remembers of an object in a cluster: enough to plan,
// to judge and to find it again, and no more.
type Live struct {
	Ref     Ref
	Version string
	UID     types.UID
	// ResourceVersion orders what was seen of the object.
	ResourceVersion string
	// Owner is the [App.Instance] that the object's marks name, "" when they name none.
	Owner string
	// Made reports whether a field manager of the owner's dialect wrote the mark that
	// says so: the proof that an App made the object or took it over. Anybody may
	// write the mark.
	Made bool
	// Controlled reports whether another object owns this one.
	Controlled bool
	// Unjudged reports that Health is not that of this state yet: it is the last
	// that was known, or, where that may not be true of what is wanted now,
	// Progressing.
	Unjudged bool
	// Manager is the field manager of a dialect that applied the object; "" when none
	// did.
	Manager string
	// Applied is the digest of the fields that the Manager owns, computed as
	// [Object.Digest] computes it; "" when it owns none. It equals the digest of
	// the desired object when every desired field is live as desired.
	Applied Digest
	// Beside holds such digests of other dialects' managers, and, of a namespace, of each
	// [NamespaceManager] that applied fields to it, by name.
	Beside map[string]Digest
	// Migrate reports whether fields are owned by client-side apply, so that
	// removing them needs their ownership first.
	Migrate bool
	// State is the digest of all that the object holds, but for its status, while it is
	// followed, because others have fields of it that are declared; else "".
	State Digest
	// Marks are the annotations and labels that mean something to a dialect, and
	// Syncline's own.
	Marks Marks
	// Health is the object's own health, judged when it was seen; see Unjudged.
	Health Health
	// Terminating reports whether the object is being deleted; Finalizers are
	// what it waits for then.
	Terminating bool
	Finalizers  []string
	Created     time.Time
	// Images are those of the object's pod template; URLs those of its Ingress.
	Images []string
	URLs   []string
}

// Marks are what is remembered of an object's annotations and labels, by key; those of labels are
// made by [LabelKey].
type Marks map[string]string

// LabelKey is the key of a label among Marks: that of no annotation, for the space.
func LabelKey(label string) string { return "label " + label }

// Annotation returns the value of an annotation, or "".
func (m Marks) Annotation(key string) string { return m[key] }

// Label returns the value of a label, or "".
func (m Marks) Label(key string) string {
	if len(m) == 0 {
		return ""
	}
	return m[LabelKey(key)]
}

// Steering identifies what an object says of whose it is and of what may be done
// with it: its owner and its marks.
func (l Live) Steering() Digest {
	marks := l.Marks
	if marks == nil {
		marks = Marks{}
	}
	digest, _ := DigestOf([]any{l.Owner, marks}) // texts
	return digest
}

// DigestOfState identifies what an object holds, but for its status and for what
// changes with every write.
func DigestOfState(content map[string]any) (Digest, error) {
	content = maps.Clone(content)
	delete(content, "status")
	if metadata, ok := content["metadata"].(map[string]any); ok {
		metadata = maps.Clone(metadata)
		for _, field := range []string{"managedFields", "resourceVersion", "generation"} {
			delete(metadata, field)
		}
		content["metadata"] = metadata
	}
	return DigestOf(content)
}

// To returns the object as it is to who applies under the name of a field manager:
// Applied is of the fields of that one. What was applied client-side is not taken over
// in the destination namespace of an App.
func (l Live) To(manager string) Live {
	if manager != l.Manager {
		l.Applied = l.Beside[manager]
	}
	if strings.HasPrefix(manager, fieldmanager.Namespaces) {
		l.Migrate = false
	}
	return l
}

// Scope says whether a kind lives in namespaces.
type Scope string

// The scopes.
const (
	Namespaced    Scope = "Namespaced"
	ClusterScoped Scope = "Cluster"
)

// UnseenError says of which kinds the live objects cannot be known, and why. What
// an App owns may be among them.
type UnseenError map[schema.GroupKind]error

// Error names the first kinds in full.
func (e UnseenError) Error() string {
	const told = 3
	kinds := slices.SortedFunc(maps.Keys(e), func(a, b schema.GroupKind) int { return strings.Compare(a.String(), b.String()) })
	var texts []string
	for _, kind := range kinds[:min(told, len(kinds))] {
		texts = append(texts, fmt.Sprintf("the objects of kind %s are not known: %v", kind, e[kind]))
	}
	if more := len(kinds) - told; more > 0 {
		texts = append(texts, fmt.Sprintf("and those of %d more kinds", more))
	}
	return strings.Join(texts, "; ")
}

// Unseen returns the kinds that an error is about, when it is about nothing but
// kinds whose objects cannot be known.
func Unseen(err error) (UnseenError, bool) { return errors.AsType[UnseenError](err) }
