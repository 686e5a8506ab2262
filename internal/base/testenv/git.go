package testenv

import (
	"bytes"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// GitOptions configure a GitServer. The zero value serves a temporary folder
// to everybody.
type GitOptions struct {
	// Dir holds the bare repositories. Default: a temporary folder, which Close removes.
	Dir string
	// Address to listen on. Default: a free port of 127.0.0.1.
	Address string
	// Username and Password are demanded by HTTP basic authentication. Default: nothing is.
	Username string
	Password string
	// Token is demanded as an HTTP bearer token instead.
	Token string
	// Admits says who is let in, instead of all of these.
	Admits func(*http.Request) bool
	// LFS serves the API of Git LFS at each repository. Default: there is none.
	LFS *LFSServer
	// TLS serves https, with a certificate of CA.
	TLS bool
	// DemandClient demands a client certificate of CA, such as ClientCert, besides.
	DemandClient bool
	// Legacy makes the server speak version 0 of Git's protocol, in which it
	// refuses to send a commit that no branch or tag points to.
	Legacy bool
	// Whole makes the server send large files too when it is asked to leave them
	// out, which it can do by default, as those of the great hosts.
	Whole bool
}

// GitRequest is a kind of request to a GitServer.
type GitRequest string

// The kinds of request: the list of refs, which asks for it in version 2 of
// the protocol too, a download of objects, an upload, and any of them.
const (
	GitAny         GitRequest = ""
	GitInfoRefs    GitRequest = "info/refs"
	GitListRefs    GitRequest = "ls-refs"
	GitFetchPack   GitRequest = "upload-pack"
	GitReceivePack GitRequest = "receive-pack"
)

// GitFault is how a GitServer fails. Requests that match fail until the fault is replaced.
type GitFault struct {
	// Request and Repo say which requests fail. Default: all.
	Request GitRequest
	Repo    string
	// Status is answered, with Body and Location if set.
	Status   int
	Body     string
	Location string
	// Hang leaves the request without an answer until the client is gone or
	// the fault is replaced.
	Hang bool
	// DropAfter ends the connection after that many bytes of the answer. 0 does not.
	DropAfter int64
}

// GitServer serves a folder of bare repositories over smart HTTP, by Git's own http-backend.
type GitServer struct {
	options   GitOptions
	temporary bool
	address   string
	authority *authority // nil without TLS
	backend   cgi.Handler
	http      *http.Server
	served    chan struct{}

	mu      sync.Mutex
	fault   GitFault
	changed chan struct{} // closed when the fault is replaced
	counts  map[GitRequest]int
	repos   map[string]int
	asked   []string
	came    chan struct{} // closed at the next request
}

// StartGit starts a GitServer. It stops when Close is called or ctx ends.
func StartGit(ctx context.Context, options GitOptions) (*GitServer, error) {
	execPath, err := exec.CommandContext(ctx, "git", "--exec-path").Output()
	if err != nil {
		return nil, fmt.Errorf("starting a Git server: is git installed? %w", err)
	}
	s := &GitServer{
		options: options,
		served:  make(chan struct{}),
		changed: make(chan struct{}),
		counts:  map[GitRequest]int{},
		repos:   map[string]int{},
		came:    make(chan struct{}),
	}
	if s.options.Dir == "" {
		if s.options.Dir, err = os.MkdirTemp("", "syncline-git-"); err != nil {
			return nil, fmt.Errorf("starting a Git server: %w", err)
		}
		s.temporary = true
	}
	if s.options.Dir, err = filepath.Abs(s.options.Dir); err != nil {
		return nil, fmt.Errorf("starting a Git server: %w", err)
	}
	if s.options.Address == "" {
		s.options.Address = "127.0.0.1:0"
	}
	s.backend = cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(execPath)), "git-http-backend"),
		Env: append(gitEnvironment(),
			"GIT_PROJECT_ROOT="+s.options.Dir,
			"GIT_HTTP_EXPORT_ALL=1",
			"REMOTE_USER=test", // lets the backend accept pushes
			"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_1=uploadpack.allowFilter", "GIT_CONFIG_VALUE_1="+strconv.FormatBool(!options.Whole)),
		Stderr: io.Discard,
	}
	return s, s.listen(ctx)
}

func (s *GitServer) listen(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.options.Address)
	if err != nil {
		return fmt.Errorf("starting a Git server: %w", err)
	}
	s.address = listener.Addr().String()
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	if s.options.TLS {
		if s.authority, err = newAuthority(); err != nil {
			return fmt.Errorf("starting a Git server: %w", err)
		}
		listener = tls.NewListener(listener, s.authority.config(s.options.DemandClient))
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(listener) // ends by Close
	}()
	context.AfterFunc(ctx, func() { _ = s.http.Close() })
	return nil
}

// Close stops the server and removes its folder if that was temporary.
func (s *GitServer) Close() error {
	s.Fail(GitFault{}) // lets hanging requests go
	err := s.http.Close()
	<-s.served
	if s.temporary {
		return os.RemoveAll(s.options.Dir)
	}
	return err
}

// URL returns the address of the repository called name, such as "team/app".
func (s *GitServer) URL(name string) string {
	if s.options.TLS {
		return "https://" + s.address + "/" + name + ".git"
	}
	return "http://" + s.address + "/" + name + ".git"
}

// CA returns the certificate, in PEM, that the server's certificate is of. Nil without TLS.
func (s *GitServer) CA() []byte {
	if s.authority == nil {
		return nil
	}
	return s.authority.ca
}

// ClientCert returns a client certificate that the server accepts, and its key, in PEM. Nil without TLS.
func (s *GitServer) ClientCert() (certificate, key []byte) {
	if s.authority == nil {
		return nil, nil
	}
	return s.authority.certificate, s.authority.key
}

// Fail makes requests fail from now on. The zero GitFault ends that.
func (s *GitServer) Fail(fault GitFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
	close(s.changed)
	s.changed = make(chan struct{})
}

// Count returns how many requests of a kind came, refused and failed ones included.
func (s *GitServer) Count(kind GitRequest) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[kind]
}

// CountOf returns how many requests came about the repository called name,
// whatever way its path was written.
func (s *GitServer) CountOf(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repos[name]
}

// repoOf returns the name of the repository that a request is about.
func repoOf(r *http.Request) string {
	whole, _, _ := strings.Cut(path.Clean(r.URL.Path), ".git/info/lfs/")
	for _, end := range []string{"/info/refs", "/git-upload-pack", "/git-receive-pack"} {
		whole = strings.TrimSuffix(whole, end)
	}
	return strings.TrimSuffix(strings.TrimPrefix(whole, "/"), ".git")
}

// Asked returns the paths of all requests that came, in their order.
func (s *GitServer) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// Await waits until at least so many requests of a kind have come in all.
func (s *GitServer) Await(ctx context.Context, kind GitRequest, count int) error {
	for {
		s.mu.Lock()
		enough, came := s.counts[kind] >= count, s.came
		s.mu.Unlock()
		if enough {
			return nil
		}
		select {
		case <-came:
		case <-ctx.Done():
			return fmt.Errorf("waiting for request %d of kind %q to the Git server: %w", count, kind, ctx.Err())
		}
	}
}

// ServeHTTP counts the request, and refuses, spoils or serves it.
func (s *GitServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body) // http-backend takes no chunked body
	if err != nil {
		return
	}
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	kind := kindOf(r, body)
	s.mu.Lock()
	s.counts[kind]++
	s.counts[GitAny]++
	s.repos[repoOf(r)]++
	s.asked = append(s.asked, r.URL.Path)
	close(s.came)
	s.came = make(chan struct{})
	fault, changed := s.fault, s.changed
	s.mu.Unlock()
	if fault.matches(kind, r.URL.Path) {
		w = fault.spoil(w, r, changed)
	}
	switch {
	case w == nil:
		return
	case !s.authorized(r):
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "credentials are needed", http.StatusUnauthorized)
		return
	case s.options.LFS != nil && strings.Contains(r.URL.Path, ".git/info/lfs/"):
		s.options.LFS.serveAt(s.URL(repoOf(r)), w, r)
		return
	case s.options.Legacy:
		r.Header.Del("Git-Protocol")
	}
	s.backend.ServeHTTP(w, r)
}

func kindOf(r *http.Request, body []byte) GitRequest {
	switch {
	case strings.HasSuffix(r.URL.Path, "/info/refs"):
		return GitInfoRefs
	case strings.HasSuffix(r.URL.Path, "/git-receive-pack"):
		return GitReceivePack
	case bytes.Contains(body, []byte("command=ls-refs")):
		return GitListRefs
	default:
		return GitFetchPack
	}
}

func (s *GitServer) authorized(r *http.Request) bool {
	if s.options.Admits != nil {
		return s.options.Admits(r)
	}
	if s.options.Token != "" {
		return same(r.Header.Get("Authorization"), "Bearer "+s.options.Token)
	}
	if s.options.Username == "" && s.options.Password == "" {
		return true
	}
	username, password, _ := r.BasicAuth()
	return same(username, s.options.Username) && same(password, s.options.Password)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (f GitFault) matches(kind GitRequest, path string) bool {
	if f == (GitFault{}) || f.Request != GitAny && f.Request != kind {
		return false
	}
	return f.Repo == "" || strings.HasPrefix(path, "/"+f.Repo+".git/")
}

// spoil answers the request as the fault says, and returns nil, or the writer
// by which it is to be served.
func (f GitFault) spoil(w http.ResponseWriter, r *http.Request, changed <-chan struct{}) http.ResponseWriter {
	switch {
	case f.Hang:
		select {
		case <-r.Context().Done():
		case <-changed:
		}
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		if f.Location != "" {
			w.Header().Set("Location", f.Location)
		}
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
		return nil
	case f.DropAfter > 0:
		return &droppingWriter{ResponseWriter: w, left: f.DropAfter}
	default:
		return w
	}
}

// droppingWriter ends the connection when so many bytes are written.
type droppingWriter struct {
	http.ResponseWriter
	left int64
}

// Write writes, and ends the connection at the limit.
func (d *droppingWriter) Write(p []byte) (int, error) {
	if int64(len(p)) < d.left {
		d.left -= int64(len(p))
		return d.ResponseWriter.Write(p)
	}
	_, _ = d.ResponseWriter.Write(p[:d.left])
	_ = http.NewResponseController(d.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// gitEnvironment is what git needs and nothing of the user's configuration.
func gitEnvironment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/dev/null", "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
	}
}
