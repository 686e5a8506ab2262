package convention

import (
	"bytes"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/near"
	"github.com/syncline-io/syncline/internal/base/option"
)

// steering are the annotations that an object is steered by.
var steering = []string{Wave, Hook, HookDelete, SyncOptions, Compare, NoHealth, NoRestart, HelmHook, HelmWeight, HelmHookDelete, HelmPolicy}

// maxSlip is how long a key is at most that is a slip.
const maxSlip = 96

// Slip returns the annotation of which a key is a slip: the key is the same but for case,
// separators and a plural, or for two edits of the name where it is under Argo CD's or
// Helm's own domain. Of another domain only those are compared that look like these. What
// somebody else defined under theirs is none.
func (annotations) Slip(key string) string {
	if len(key) > maxSlip {
		return ""
	}
	domain, name, found := strings.Cut(key, "/")
	if !found {
		domain, name = "", key
	}
	lower := strings.ToLower(domain)
	isArgo, isHelm := strings.Contains(lower, "argo"), strings.HasPrefix(lower, "helm")
	if domain != "" && !isArgo && !isHelm || (annotations{}).Steers(key, false) {
		return ""
	}
	for _, meant := range steering {
		theirs, what, _ := strings.Cut(meant, "/")
		if domain != "" && (theirs == "helm.sh") != (isHelm && !isArgo) {
			continue
		}
		if resembles(name, what, lower == theirs, domain == "") {
			return meant
		}
	}
	return ""
}

// resembles reports whether a name is a slip of another one. Within the domain that was
// meant two edits are one, of a short name one; a single word without a domain is none.
// It is asked of every annotation of every object, in each turn, so it allocates little.
func resembles(name, meant string, within, bare bool) bool {
	if bare && !strings.Contains(meant, "-") {
		return false
	}
	var one, other [maxSlip]byte
	if bytes.Equal(folded(one[:0], name), folded(other[:0], meant)) {
		return true
	}
	edits := 2
	if len(meant) < 6 {
		edits = 1
	}
	longer := len(name) - len(meant) // as many edits at least
	return within && longer <= edits && -longer <= edits && near.Edits(strings.ToLower(name), meant) <= edits
}

// folded appends a name as it is compared: without its case, its separators and a plural.
func folded(to []byte, name string) []byte {
	for _, b := range []byte(name) {
		switch {
		case b == '-' || b == '_' || b == '.':
		case 'A' <= b && b <= 'Z':
			to = append(to, b+'a'-'A')
		default:
			to = append(to, b)
		}
	}
	if single, plural := bytes.CutSuffix(to, []byte("ies")); plural {
		return append(single, 'y')
	}
	return bytes.TrimSuffix(to, []byte("s"))
}

// keptBySlip says by which slip an object is to be kept, "" when there is none: it is as
// if the right key said so, but for what else stands there.
func keptBySlip(object syncline.Marked) string {
	if options := option.Parse(object.Annotation(near.Meant + SyncOptions)); options.Has("Prune=false") ||
		options.Has("Prune=confirm") || options.Has("Delete=false") || options.Has("Delete=confirm") {
		return "an annotation that was probably to be " + SyncOptions
	}
	for text := range strings.SplitSeq(object.Annotation(near.Meant+HelmPolicy), ",") {
		if strings.EqualFold(strings.TrimSpace(text), "keep") {
			return "an annotation that was probably to be " + HelmPolicy
		}
	}
	return ""
}
