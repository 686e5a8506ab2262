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
)

// Live is what Syncline remembers of an object in a cluster: enough to plan,
// to judge and to find it again, and no more.
type Live struct {
	Ref     Ref
	Version string
	UID     types.UID
	// ResourceVersion orders what was seen of the object.
	ResourceVersion string
	// Tracking is the value of the tracking annotation, "" when there is none.
	Tracking string
	// Made reports whether our field manager, or Argo CD's, wrote the tracking
	// annotation: the proof that an App made the object or took it over. Anybody
	// may write the annotation.
	Made bool
	// Controlled reports whether another object owns this one.
	Controlled bool
	// Unjudged reports that Health is not that of this state yet: it is the last
	// that was known, or, where that may not be true of what is wanted now,
	// Progressing.
	Unjudged bool
	// Applied is the digest of the fields that our field manager owns, computed as
	// [Object.Digest] computes it; "" when it owns none. It equals the digest of
	// the desired object when every desired field is live as desired.
	Applied Digest
	// Beside holds, of a namespace, such digests by the name of each
	// [NamespaceManager] that applied fields to it.
	Beside map[string]Digest
	// Migrate reports whether fields are owned by client-side apply, so that
	// removing them needs their ownership first.
	Migrate bool
	// State is the digest of all that the object holds, but for its status, while it is
	// followed, because others have fields of it that are declared; else "".
	State Digest
	// Marks are the annotations that steer Syncline: those of argocd.argoproj.io
	// and helm.sh, and its own.
	Marks map[string]string
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

// Steering identifies what an object says of whose it is and of what may be done
// with it: its tracking and its marks.
func (l Live) Steering() Digest {
	marks := l.Marks
	if marks == nil {
		marks = map[string]string{}
	}
	digest, _ := DigestOf([]any{l.Tracking, marks}) // texts
	return digest
}

// To returns the object as it is to who applies under the name of a field manager:
// Applied is of the fields of that one. What was applied client-side is only ours.
func (l Live) To(manager string) Live {
	if manager != FieldManager {
		l.Applied, l.Migrate = l.Beside[manager], false
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
