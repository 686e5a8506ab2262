package testenv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
)

// LFSServer is a server of Git LFS: its batch API is at the repositories of a GitServer, and
// the content at an address of its own, to whoever has the header that the API told.
type LFSServer struct {
	// URL is where the content is, and also an API that takes Grant for credentials.
	URL string
	// Grant is the header Authorization that content wants.
	Grant string

	loopback

	mu      sync.Mutex
	content map[string][]byte
	batches [][]string
	gets    int
	leaked  []string
	spoilt  bool
	own     bool
}

// StartLFS starts an LFSServer. It stops when Close is called or ctx ends.
func StartLFS(ctx context.Context, grant string) (*LFSServer, error) {
	s := &LFSServer{Grant: grant, content: map[string][]byte{}}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting an LFS server: %w", err)
	}
	s.URL = "http://" + listener.Addr().String()
	s.loopback = serve(ctx, listener, http.HandlerFunc(s.store))
	return s, nil
}

// Put takes content, and returns the pointer that stands for it.
func (s *LFSServer) Put(content string) (pointer string) {
	sum := sha256.Sum256([]byte(content))
	oid := hex.EncodeToString(sum[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.content[oid] = []byte(content)
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, len(content))
}

// Spoil makes the server send other content than it was given, from now on or no more.
func (s *LFSServer) Spoil(spoilt bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoilt = spoilt
}

// Own makes the API say that content is at the address of the repository, to whoever may
// read that.
func (s *LFSServer) Own() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own = true
}

// Batches returns for how many objects each request to the API asked, Gets how much
// content was asked for, and Leaked what came to the content's address that was not for it.
func (s *LFSServer) Batches() (sizes []int, gets int, leaked []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, batch := range s.batches {
		sizes = append(sizes, len(batch))
	}
	return sizes, s.gets, s.leaked
}

// store serves content, and the API to whoever was granted it.
func (s *LFSServer) store(w http.ResponseWriter, r *http.Request) {
	if given := r.Header.Get("Authorization"); given != s.Grant {
		s.mu.Lock()
		s.leaked = append(s.leaked, given)
		s.mu.Unlock()
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	if strings.HasSuffix(r.URL.Path, "/objects/batch") {
		s.batch(w, r)
		return
	}
	s.get(w, r)
}

func (s *LFSServer) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets++
	content, known := s.content[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]]
	switch {
	case !known:
		http.NotFound(w, r)
	case s.spoilt:
		_, _ = w.Write([]byte(strings.ToUpper(string(content))))
	default:
		_, _ = w.Write(content)
	}
}

// serveAt serves the API of a repository at an address.
func (s *LFSServer) serveAt(address string, w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		s.get(w, r)
		return
	}
	s.answer(address, w, r)
}

func (s *LFSServer) batch(w http.ResponseWriter, r *http.Request) { s.answer("", w, r) }

func (s *LFSServer) answer(address string, w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Operation string   `json:"operation"`
		Transfers []string `json:"transfers"`
		Objects   []struct {
			OID  string `json:"oid"`
			Size int    `json:"size"`
		} `json:"objects"`
	}
	const media = "application/vnd.git-lfs+json"
	if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.Operation != "download" || r.Header.Get("Accept") != media || r.Header.Get("Content-Type") != media {
		http.Error(w, "{}", http.StatusUnprocessableEntity)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var oids []string
	objects := []any{}
	for _, object := range asked.Objects {
		oids = append(oids, object.OID)
		told := map[string]any{"oid": object.OID, "size": object.Size}
		content, known := s.content[object.OID]
		switch {
		case !known || len(content) != object.Size:
			told["error"] = map[string]any{"code": http.StatusNotFound, "message": "Object does not exist"}
		case s.own && address != "":
			told["actions"] = map[string]any{"download": map[string]any{"href": address + "/info/lfs/" + object.OID, "expires_in": 600}}
		default:
			told["authenticated"] = true
			told["actions"] = map[string]any{"download": map[string]any{
				"href": s.URL + "/content/" + object.OID, "header": map[string]string{"Authorization": s.Grant}, "expires_in": 600,
			}}
		}
		objects = append(objects, told)
	}
	s.batches = append(s.batches, oids)
	w.Header().Set("Content-Type", media)
	_ = json.NewEncoder(w).Encode(map[string]any{"transfer": "basic", "objects": objects, "hash_algo": "sha256"}) // the client is gone
}
