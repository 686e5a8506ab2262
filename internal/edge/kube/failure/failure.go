// Package failure says what errors of a Kubernetes API server's client mean: their kind,
// what a person can do about them, and what may be shown of them.
package failure

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
)

// Of says what was being done to which object, and classifies err; nil for nil. The text
// of the API server about a Secret is not relayed, because it may quote values. Where who
// asks lacks a right, which is another thing than a policy that denies an object, it is
// [fs.ErrPermission].
func Of(ref syncline.Ref, doing string, err error) error {
	if err == nil {
		return nil
	}
	kind, hint := Classify(err)
	status, _ := statusOf(err)
	if isSecret(ref) {
		err = concealed(err)
	}
	if err = readable(err); isLackOfRight(status) {
		err = rightError{err}
	}
	return &syncline.Error{Kind: kind, Hint: hint, Err: fmt.Errorf("%s %s failed: %w", ref, doing, err)}
}

// rightError is that who asks lacks a right.
type rightError struct{ error }

// Is reports whether target is [fs.ErrPermission].
func (rightError) Is(target error) bool { return target == fs.ErrPermission }

// Unwrap returns what the API server said.
func (e rightError) Unwrap() error { return e.error }

func isSecret(ref syncline.Ref) bool { return ref.Group == "" && ref.Kind == "Secret" }

// Classify returns the kind of an error of a client, and what a person can do
// about it. An error without a status is one of the connection.
func Classify(err error) (syncline.Kind, string) {
	if classified, ok := errors.AsType[*syncline.Error](err); ok {
		return classified.Kind, classified.Hint
	}
	status, ok := statusOf(err)
	if !ok {
		return syncline.Transient, ""
	}
	return kindOf(status), hintFor(status)
}

// kindOf is the table from answers of the API server to kinds of error.
func kindOf(status metav1.Status) syncline.Kind {
	switch {
	case hasCause(status, func(c metav1.StatusCause) bool { return c.Type == corev1.NamespaceTerminatingCause }):
		return syncline.Transient
	case isUIDMismatch(status):
		return syncline.Conflict
	case isDenial(status):
		return syncline.Denied
	case isTooLarge(status):
		return syncline.Invalid
	}
	switch status.Code {
	case http.StatusUnauthorized, http.StatusForbidden:
		return syncline.Denied
	case http.StatusNotFound:
		return syncline.NotFound
	case http.StatusConflict:
		return syncline.Conflict
	case http.StatusGone, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return syncline.Transient
	}
	if status.Code >= http.StatusInternalServerError && !isUnfit(status) {
		return syncline.Transient
	}
	return syncline.Invalid
}

// isUnfit reports whether an apply was refused because the object does not fit
// its kind, or the live one does not fit the version in which somebody applied to it
// before. The API server answers that with a plain 500. A conversion by a webhook that
// does not answer is told in the same words.
func isUnfit(status metav1.Status) bool {
	return (strings.HasPrefix(status.Message, "failed to create typed patch object") ||
		strings.HasPrefix(status.Message, "failed to convert new object") || misfit.MatchString(status.Message)) &&
		!strings.Contains(status.Message, "conversion webhook")
}

// isOutdated reports whether an apply was refused for what is live, and not for what
// was to be applied.
func isOutdated(status metav1.Status) bool {
	return isUnfit(status) && !strings.HasPrefix(status.Message, "failed to create typed patch object") &&
		!strings.HasPrefix(status.Message, "failed to convert new object")
}

// isTooLarge reports whether an object is too large for the API server, or for what it keeps
// objects in, whose refusals it passes on as if it had failed.
func isTooLarge(status metav1.Status) bool {
	return status.Code == http.StatusRequestEntityTooLarge || tooLarge.MatchString(status.Message)
}

// isDenial reports whether a policy of the cluster refuses an object. Whoever
// wrote the policy chose the code of the answer; the API server's own words stand
// in front of theirs.
func isDenial(status metav1.Status) bool {
	return admissionDenies.MatchString(status.Message)
}

// isLackOfRight reports whether who asks lacks a right, in the words of RBAC.
func isLackOfRight(status metav1.Status) bool {
	return status.Code == http.StatusForbidden && !isDenial(status) && lacksRight.MatchString(status.Message)
}

// hintFor says what a person can do about an answer, or "".
func hintFor(status metav1.Status) string {
	switch {
	case status.Code == http.StatusUnauthorized:
		return "the API server does not accept the cluster's credentials: renew them"
	case isLackOfRight(status):
		return "give this right to " + callerOf(status.Message) + ", by RBAC"
	case status.Code == http.StatusNotFound && status.Details != nil && status.Details.Kind == "namespaces":
		return "create the namespace, or let it be created with the sync option CreateNamespace=true"
	case isTooLarge(status):
		return "the object is larger than the API server accepts: split it"
	}
	return hintForFields(status)
}

// callerOf returns who was denied a right, as the API server names them.
func callerOf(message string) string {
	user := lacksRight.FindStringSubmatch(message)[1]
	if account, found := strings.CutPrefix(user, "system:serviceaccount:"); found {
		return "the service account " + strings.Replace(account, ":", "/", 1)
	}
	if user == "" {
		return "who asks"
	}
	return "the user " + user
}

// hintForFields says what a person can do when something is wrong with fields, or "".
func hintForFields(status metav1.Status) string {
	switch {
	case strings.Contains(status.Message, "strict decoding error"):
		return "correct the field; one of an object that is delivered is accepted with the sync option Validate=false"
	case isOutdated(status):
		return "another version of its kind does not have the field, and there is no conversion: have the object replaced with the sync option Replace=true"
	case strings.Contains(status.Message, "field not declared in schema"):
		return "correct or remove the field: this version of the kind does not have it"
	case strings.Contains(status.Message, "expected string, got"):
		return "put the value in quotes"
	case isImmutable(status):
		return "the field cannot be changed on a live object: undo the change"
	}
	return ""
}

// isUIDMismatch reports whether an apply was refused because it named the UID
// of another object: the planned one is gone and a new one has its name.
func isUIDMismatch(status metav1.Status) bool {
	return hasCause(status, func(c metav1.StatusCause) bool { return c.Field == "metadata.uid" })
}

func isImmutable(status metav1.Status) bool {
	return strings.Contains(status.Message, "field is immutable") ||
		strings.Contains(status.Message, "updates to statefulset spec for fields other than")
}

func hasCause(status metav1.Status, is func(metav1.StatusCause) bool) bool {
	return status.Details != nil && slices.ContainsFunc(status.Details.Causes, is)
}

// statusOf returns the answer of the API server in err's tree.
func statusOf(err error) (metav1.Status, bool) {
	var answer apierrors.APIStatus
	if errors.As(err, &answer) {
		return answer.Status(), true
	}
	return metav1.Status{}, false
}

// In the texts of the API server, unknownField finds the names of fields of a
// strictly decoded object, and unfitField the path of a field that does not fit,
// with what is wrong but without its value; misfit is how a refusal begins that is
// about the live object. internalValue is how a value looks that was printed with its
// Go type.
// uncallable is how a webhook is named that could not be asked, lacksRight how RBAC
// denies, admissionDenies how webhooks and policies do, and tooLarge how etcd refuses.
var (
	admissionDenies = regexp.MustCompile(`^(?:\S+(?: "[^"]*")? is forbidden: )?(?:admission webhook ".*?" denied the request|ValidatingAdmissionPolicy '.*?' (?:with binding '.*?' )?denied request)`)
	uncallable      = regexp.MustCompile(`\bfailed calling webhook "[\w.-]*"`)
	lacksRight      = regexp.MustCompile(`(?:User "([^"]*)" )?cannot [a-z]+ resource "`)
	tooLarge        = regexp.MustCompile(`\b(?:etcdserver: request is too large|trying to send message larger than max)\b`)
	unknownField    = regexp.MustCompile(`unknown field "([^"]+)"`)
	unfitField      = regexp.MustCompile(`: (\.\S+: (?:expected [a-z]+|field not declared in schema|duplicate entries))`)
	misfit          = regexp.MustCompile(`^(?:failed to (?:prune fields|convert merged object|create typed live object)\b.*?: )?\.\S+: (?:expected [a-z]+, got|field not declared in schema)`)
	wholeObject     = regexp.MustCompile(`(?s)^.*? is invalid: patch: Invalid value: ".*": (strict decoding error: )`)
	internalValue   = regexp.MustCompile(`&value\.valueUnstructured\{Value:(.*?)\}`)
)

// readable returns err without the Go types that the API server prints, and without
// the whole object that it quotes where a patch sets a field which there is not.
func readable(err error) error {
	text := internalValue.ReplaceAllString(err.Error(), "$1")
	text = wholeObject.ReplaceAllString(text, "$1")
	if text == err.Error() {
		return err
	}
	return &rephrased{text, err}
}

// rephrased is an error in other words.
type rephrased struct {
	text string
	err  error
}

func (r *rephrased) Error() string { return r.text }
func (r *rephrased) Unwrap() error { return r.err }

// concealed returns err without what the API server said of values: its reason
// and the paths of fields remain. The original is not wrapped, so that nothing
// prints it. An error of the connection quotes nothing and is kept.
func concealed(err error) error {
	status, ok := statusOf(err)
	if !ok {
		return err
	}
	switch status.Reason {
	case metav1.StatusReasonNotFound, metav1.StatusReasonAlreadyExists, metav1.StatusReasonUnauthorized, metav1.StatusReasonTooManyRequests:
		return err
	}
	parts := []string{strings.TrimSpace(fmt.Sprintf("the API server answers %d %s", status.Code, status.Reason))}
	for _, field := range unknownField.FindAllStringSubmatch(status.Message, -1) {
		parts = append(parts, fmt.Sprintf("unknown field %q", field[1]))
	}
	for _, field := range unfitField.FindAllStringSubmatch(status.Message, -1) {
		path, wrong, _ := strings.Cut(field[1], ": ")
		parts = append(parts, shownPath(path)+": "+wrong)
	}
	if webhook := uncallable.FindString(status.Message); webhook != "" {
		parts = append(parts, webhook)
	}
	if strings.Contains(status.Message, "illegal base64 data") {
		parts = append(parts, "a value under data is not base64 (plain text goes under stringData)")
	}
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %s", shownPath(cause.Field), cause.Type)))
		}
	}
	return errors.New(strings.Join(parts, "; ") + " (its text is not shown, because it may quote secret values)")
}

// dataPath matches the path of an entry of a Secret's data.
var dataPath = regexp.MustCompile(`^(\.?(?:data|stringData))(\[|\.)(.*?)(\]?)$`)

// shownPath returns the path of a field without a key that no Secret can have.
func shownPath(path string) string {
	found := dataPath.FindStringSubmatch(path)
	if found == nil {
		return path
	}
	return found[1] + found[2] + sealed.ShownKey(found[3]) + found[4]
}

// IsGone reports whether err says that the object of a request does not exist.
// That its kind or path does not exist is another answer, which proves nothing.
func IsGone(err error) bool {
	status, ok := statusOf(err)
	return ok && status.Code == http.StatusNotFound &&
		!hasCause(status, func(c metav1.StatusCause) bool { return c.Type == metav1.CauseTypeUnexpectedServerResponse })
}

// IsAnswer reports whether err is what an API server answered.
func IsAnswer(err error) bool {
	_, ok := statusOf(err)
	return ok
}

// IsUnfit reports whether err says that an apply was refused because the object does not
// fit its kind, or the live one another version of it.
func IsUnfit(err error) bool {
	status, ok := statusOf(err)
	return ok && isUnfit(status)
}

// IsRepeated reports whether err says that an apply was refused because an item of a
// list is declared repeatedly.
func IsRepeated(err error) bool {
	status, ok := statusOf(err)
	return ok && isUnfit(status) && strings.Contains(status.Message, "duplicate entries for key")
}

// Causes returns the fields that validation refuses. A policy has none.
func Causes(err error) []metav1.StatusCause {
	status, ok := statusOf(err)
	if !ok || status.Code != http.StatusUnprocessableEntity || status.Details == nil || isDenial(status) {
		return nil
	}
	return status.Details.Causes
}
