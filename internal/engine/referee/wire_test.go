package referee

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
)

// bell wakes who waits for something to change.
type bell struct {
	mu   sync.Mutex
	rung chan struct{}
}

func newBell() *bell { return &bell{rung: make(chan struct{})} }

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.rung)
	b.rung = make(chan struct{})
}

// next returns what is closed by the next ring.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rung
}

// until waits for a condition, which is looked at after each ring. It is false
// when that took too long.
func (b *bell) until(condition func() bool) bool {
	timeout := time.After(time.Minute)
	for {
		rung := b.next()
		if condition() {
			return true
		}
		select {
		case <-rung:
		case <-timeout:
			return condition()
		}
	}
}

// bells are those of the cases, by name.
type bells struct {
	mu   sync.Mutex
	each map[string]*bell
}

func (b *bells) of(name string) *bell {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.each == nil {
		b.each = map[string]*bell{}
	}
	if b.each[name] == nil {
		b.each[name] = newBell()
	}
	return b.each[name]
}

// changed rings for the case that has an object.
func (b *bells) changed(ref syncline.Ref) {
	if name := ofCase.FindString(ref.Namespace + "/" + ref.Name); name != "" {
		b.of(name).ring()
	}
}

// all rings for every case.
func (b *bells) all() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bell := range b.each {
		bell.ring()
	}
}

// patiently repeats what only reads until the API server answers, which may have
// a lot to do: the judge has no use for an answer that says so.
func patiently(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	for try := 1; ; try++ {
		response, err := next.RoundTrip(r)
		failed := err != nil || response.StatusCode >= http.StatusInternalServerError || response.StatusCode == http.StatusTooManyRequests
		if !failed || r.Method != http.MethodGet || try == 20 || r.Context().Err() != nil {
			return response, err
		}
		if err == nil {
			response.Body.Close()
		}
		<-time.After(time.Second)
	}
}

// request is one that would change the cluster, as it went over the wire.
type request struct {
	// turn is in which turn of the engine it was sent.
	turn int
	verb string // create, apply, patch, replace, delete
	ref  syncline.Ref
	uid  string // of a delete's precondition
	body map[string]any
	// code is the API server's answer, 0 when it was not asked.
	code int
	// before and after are the object around the request; nil where there is none,
	// and when the answer to a delete does not have it.
	before, after *unstructured.Unstructured
}

// did reports whether the API server did what was asked.
func (r request) did() bool { return r.code >= 200 && r.code < 300 }

// fault is what happens to one request of a case.
type fault string

const (
	unavailable fault = "is answered by 503"
	conflict    fault = "is answered by 409"
	forbidden   fault = "is answered by 403"
	lost        fault = "loses its answer"
	delayed     fault = "is delayed"
	killBefore  fault = "kills the process before"
	killAfter   fault = "kills the process after"
)

// line is the wire as one case sees it.
type line struct {
	mu sync.Mutex
	// faults are by the ordinal of the request, counted while a turn runs.
	faults   map[int]fault
	asked    int
	turn     int
	dead     bool
	kill     context.CancelFunc
	requests []request
}

// begin says that a turn begins, and what ends it when its process is killed.
func (l *line) begin(turn int, kill context.CancelFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn, l.kill, l.dead = turn, kill, false
}

// end says that a turn ended, and reports whether its process was killed.
func (l *line) end() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	dead := l.dead
	l.kill, l.dead = nil, false
	return dead
}

// set makes the faults of what follows.
func (l *line) set(faults map[int]fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults, l.asked = faults, 0
}

// take returns the requests since the last call.
func (l *line) take() []request {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.requests
	l.requests = nil
	return taken
}

// next returns what happens to the next request. It is an error when there is no
// process any more that could send one.
func (l *line) next() (fault, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return "", errDead
	}
	f := l.faults[l.asked]
	l.asked++
	if f == killBefore || f == killAfter {
		if l.kill == nil {
			return "", nil
		}
		l.dead = true
	}
	return f, nil
}

var (
	errDead = errors.New("the process was killed")
	errLost = errors.New("connection reset by peer")
)

func (l *line) note(r request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.turn = l.turn
	l.requests = append(l.requests, r)
}

func (l *line) die() {
	l.mu.Lock()
	kill := l.kill
	l.mu.Unlock()
	if kill != nil {
		kill()
	}
}

// wire stands between Syncline and the API server.
type wire struct {
	mu    sync.Mutex
	lines map[string]*line
}

func newWire() *wire { return &wire{lines: map[string]*line{}} }

// open returns the line of a case.
func (w *wire) open(name string) *line {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &line{}
	w.lines[name] = l
	return l
}

var ofCase = regexp.MustCompile(`case-\d+-[0-9a-z]+`)

// through passes requests on, notes those that write, and disturbs them.
func (w *wire) through(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	name := ofCase.FindString(r.URL.Path)
	if name == "" && r.Method == http.MethodPost {
		name = ofCase.FindString(string(body))
	}
	w.mu.Lock()
	l := w.lines[name]
	w.mu.Unlock()
	if l == nil {
		if r.Method != http.MethodGet {
			return nil, errors.New("the referee does not know whose request this is: " + r.Method + " " + r.URL.String())
		}
		return next.RoundTrip(r)
	}
	f, err := l.next()
	if err != nil {
		return nil, err
	}
	switch f {
	case unavailable:
		return kubetest.Answer(r, http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable), nil
	case conflict:
		return kubetest.Answer(r, http.StatusConflict, metav1.StatusReasonConflict), nil
	case forbidden:
		return kubetest.Answer(r, http.StatusForbidden, metav1.StatusReasonForbidden), nil
	case killBefore:
		l.die()
		return nil, errDead
	case delayed:
		<-time.After(20 * time.Millisecond)
	case lost, killAfter:
		r = r.Clone(context.WithoutCancel(r.Context()))
	}
	response, err := l.pass(r, body, next)
	switch {
	case err != nil:
		return nil, err
	case f == lost:
		return nil, errLost
	case f == killAfter:
		l.die()
		return nil, errDead
	}
	return response, nil
}

// bodyOf reads the body of a request, and puts it back.
func bodyOf(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}

// pass passes a request on, and notes it if it is one that writes, with the object
// as it was before and is after.
func (l *line) pass(r *http.Request, body []byte, next http.RoundTripper) (*http.Response, error) {
	noted, writes := read(r, body)
	if writes && noted.ref.Name != "" {
		noted.before = look(r, noted, next)
	}
	response, err := next.RoundTrip(r)
	if err != nil {
		if writes { // what became of it is not known
			l.note(noted)
		}
		return nil, err
	}
	answer, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		if writes { // it was done, and the process died while it read the answer
			noted.code = response.StatusCode
			l.note(noted)
		}
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(answer))
	if writes {
		noted.code = response.StatusCode
		after := &unstructured.Unstructured{}
		if json.Unmarshal(answer, &after.Object) == nil && after.GetKind() == noted.ref.Kind {
			noted.after = after
		}
		l.note(noted)
	}
	return response, nil
}

// look reads the object of a request, past everything that Syncline knows.
func look(r *http.Request, noted request, next http.RoundTripper) *unstructured.Unstructured {
	get := r.Clone(r.Context())
	get.Method, get.Body, get.ContentLength = http.MethodGet, nil, 0
	get.URL.RawQuery = ""
	if noted.verb == "create" {
		get.URL.Path += "/" + noted.ref.Name
	}
	get.Header.Del("Content-Type")
	response, err := next.RoundTrip(get)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	u := &unstructured.Unstructured{}
	if response.StatusCode != http.StatusOK || json.NewDecoder(response.Body).Decode(&u.Object) != nil {
		return nil
	}
	return u
}

// read says what a request asks for, and whether it would change anything.
func read(r *http.Request, body []byte) (request, bool) {
	verb := map[string]string{http.MethodPost: "create", http.MethodPut: "replace", http.MethodDelete: "delete", http.MethodPatch: "patch"}[r.Method]
	if verb == "" || r.URL.Query().Get("dryRun") != "" {
		return request{}, false
	}
	if verb == "patch" && strings.HasPrefix(r.Header.Get("Content-Type"), "application/apply-patch") {
		verb = "apply"
	}
	noted := request{verb: verb, ref: refOf(r.URL.Path)}
	_ = json.Unmarshal(body, &noted.body) // a JSON patch is no map
	if verb == "create" {
		noted.ref.Name = (&unstructured.Unstructured{Object: noted.body}).GetName()
	}
	if verb == "delete" {
		noted.uid, _, _ = unstructured.NestedString(noted.body, "preconditions", "uid")
	}
	return noted, true
}

// refOf names the object at a path of the API.
func refOf(path string) syncline.Ref {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	ref := syncline.Ref{}
	if parts[0] == "apis" {
		ref.Group, parts = parts[1], parts[3:]
	} else {
		parts = parts[2:]
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		ref.Namespace, parts = parts[1], parts[2:]
	}
	for _, k := range kinds {
		if k.group == ref.Group && k.resource == parts[0] {
			ref.Kind = k.name
		}
	}
	if len(parts) > 1 {
		ref.Name = parts[1]
	}
	return ref
}
