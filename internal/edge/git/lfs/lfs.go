// Package lfs speaks the batch API of Git LFS, by which a server tells where the content
// is that a repository only has pointers to; see
// https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md. What a repository says
// of servers, in .lfsconfig, never takes effect.
package lfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/edge/transport"
)

// Pointer is what stands for content in a repository.
type Pointer struct {
	// OID is the content's SHA-256 sum, in hexadecimal digits.
	OID string `json:"oid"`
	// Size is the number of its bytes.
	Size int64 `json:"size"`
}

// MaxPointer is how many bytes a pointer has at most.
const MaxPointer = 1024

var pointer = regexp.MustCompile(`^version https://(?:git-lfs|hawser)\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,18})\n(?:[^\n]*\n)*$`)

// Parse reads a pointer, and reports whether it is one.
func Parse(text []byte) (Pointer, bool) {
	if len(text) > MaxPointer {
		return Pointer{}, false
	}
	found := pointer.FindSubmatch(text)
	if found == nil {
		return Pointer{}, false
	}
	size, err := strconv.ParseInt(string(found[2]), 10, 64)
	return Pointer{OID: string(found[1]), Size: size}, err == nil
}

// Server is a repository's LFS server.
type Server struct {
	// API is its address, as in "https://git.example/team/app.git/info/lfs".
	API string
	// Header is sent to it, and to no other server.
	Header http.Header
	// Transport makes connections.
	Transport *transport.Transport
}

// Place is where a server has content.
type Place struct {
	Address string
	Header  http.Header
	// Until is when it may have ended.
	Until time.Time
	// err is what the server says instead.
	err error
}

// MaxBatch is for how many pointers one request asks, as most servers want it.
const MaxBatch = 100

const (
	mediaType = "application/vnd.git-lfs+json"
	maxAnswer = 4 << 20
	// maxSteps is how often a server may send us on when content is read.
	maxSteps = 5
	// brief is how long a place is believed of which nothing is said.
	brief = time.Minute
	// longest is how long a place is believed at most.
	longest = time.Hour
)

// ErrUnauthorized is that a server wants other credentials.
var ErrUnauthorized = errors.New("access was refused")

type download struct {
	Href    string            `json:"href"`
	Header  map[string]string `json:"header"`
	Seconds int64             `json:"expires_in"`
	At      time.Time         `json:"expires_at"`
}

// lasts is how long it is believed.
func (d download) lasts() time.Duration {
	lasts := brief
	if d.Seconds > 0 {
		lasts = time.Duration(min(d.Seconds, int64(longest/time.Second))) * time.Second
	} else if !d.At.IsZero() {
		lasts = min(time.Until(d.At), longest)
	}
	return lasts - lasts/10
}

type batchObject struct {
	Pointer
	Authenticated bool `json:"authenticated"`
	Actions       struct {
		Download *download `json:"download"`
	} `json:"actions"`
	Error *struct {
		Code int `json:"code"`
	} `json:"error"`
}

// Locate asks where the content of pointers is, by one request. Of what the server says
// nothing, there is no place. Errors: Denied, which may be [ErrUnauthorized], Transient
// and Invalid. They show nothing of an answer but its code.
func (s Server) Locate(ctx context.Context, pointers []Pointer) (map[string]Place, error) {
	body, err := json.Marshal(map[string]any{
		"operation": "download", "transfers": []string{"basic"}, "hash_algo": "sha256", "objects": pointers,
	})
	if err != nil {
		return nil, syncline.Errorf(syncline.Internal, "asking for content of Git LFS: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.API+"/objects/batch", bytes.NewReader(body))
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "its LFS server has an address that cannot be read")
	}
	maps.Copy(request.Header, s.Header)
	request.Header.Set("Accept", mediaType)
	request.Header.Set("Content-Type", mediaType)
	response, err := s.Transport.RoundTrip(request)
	if err != nil {
		return nil, unreachable(request, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, refused(request, response.StatusCode)
	}
	objects, err := readBatch(request, response.Body)
	if err != nil {
		return nil, err
	}
	places := map[string]Place{}
	for _, object := range objects {
		if slices.Contains(pointers, object.Pointer) {
			places[object.OID] = s.place(request.URL, object)
		}
	}
	return places, nil
}

// readBatch reads what the API answers.
func readBatch(request *http.Request, body io.Reader) ([]batchObject, error) {
	text, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if err != nil {
		return nil, unreachable(request, err)
	}
	var answer struct {
		Transfer string        `json:"transfer"`
		Objects  []batchObject `json:"objects"`
	}
	if len(text) > maxAnswer || json.Unmarshal(text, &answer) != nil || answer.Transfer != "" && answer.Transfer != "basic" {
		return nil, syncline.Errorf(syncline.Invalid, "LFS server %s answered what is not of its API", request.URL.Host)
	}
	return answer.Objects, nil
}

// place reads what a server says of content.
func (s Server) place(from *url.URL, object batchObject) Place {
	action := object.Actions.Download
	switch {
	case object.Error != nil:
		return Place{err: syncline.Errorf(kindOf(object.Error.Code), "its LFS server answered %d for it", object.Error.Code)}
	case action == nil:
		return Place{err: syncline.Errorf(syncline.NotFound, "its LFS server does not have it")}
	}
	to, err := from.Parse(action.Href)
	if err != nil || !mayLead(from, to) {
		return Place{err: syncline.Errorf(syncline.Invalid, "its LFS server says that it is at an address that is not asked")}
	}
	place := Place{Address: to.String(), Header: headerOf(action.Header)}
	if own := s.Header.Get("Authorization"); own != "" && !object.Authenticated && place.Header.Get("Authorization") == "" && sameServer(from, to) {
		place.Header.Set("Authorization", own)
	}
	place.Until = time.Now().Add(action.lasts())
	return place
}

// headerOf returns what of a header can be sent.
func headerOf(said map[string]string) http.Header {
	header := http.Header{}
	for name, value := range said {
		if httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(value) {
			header.Set(name, value)
		}
	}
	return header
}

// mayLead reports whether a server at an address may name another one: it may not lead
// from https to http.
func mayLead(from, to *url.URL) bool {
	return to.Host != "" && (to.Scheme == "https" || to.Scheme == "http" && from.Scheme == "http")
}

func sameServer(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && transport.HostOf(a) == transport.HostOf(b)
}

// Download returns the content of a pointer, which is checked against it. Where the
// server sends us on, the headers follow to the same server only. Errors are those of
// [Server.Locate], and Invalid where the content is another.
func (s Server) Download(ctx context.Context, p Pointer, at Place) ([]byte, error) {
	if at.err != nil {
		return nil, at.err
	}
	address, header := at.Address, at.Header
	for range maxSteps {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return nil, syncline.Errorf(syncline.Invalid, "its LFS server says that it is at an address that cannot be read")
		}
		request.Header = header.Clone()
		request.Header.Set("Accept-Encoding", "identity")
		response, err := s.Transport.RoundTrip(request)
		if err != nil {
			return nil, unreachable(request, err)
		}
		if response.StatusCode < 300 || response.StatusCode > 399 {
			defer response.Body.Close()
			return read(request, response, p)
		}
		_ = response.Body.Close()
		to, err := response.Location()
		if err != nil || !mayLead(request.URL, to) {
			return nil, syncline.Errorf(syncline.Invalid, "server %s sends us on to an address that is not asked", request.URL.Host)
		}
		if !sameServer(request.URL, to) {
			header = http.Header{}
		}
		address = to.String()
	}
	return nil, syncline.Errorf(syncline.Invalid, "its LFS server sends us on more than %d times", maxSteps)
}

// read reads content as long as the pointer says.
func read(request *http.Request, response *http.Response, p Pointer) ([]byte, error) {
	if response.StatusCode != http.StatusOK {
		return nil, refused(request, response.StatusCode)
	}
	var content bytes.Buffer // grows with what comes, and not with what is said
	if _, err := io.Copy(&content, io.LimitReader(response.Body, p.Size+1)); err != nil {
		return nil, unreachable(request, err)
	}
	if !p.Is(content.Bytes()) {
		return nil, syncline.Errorf(syncline.Invalid, "server %s sent other content than its pointer stands for", request.URL.Host)
	}
	return content.Bytes(), nil
}

// Is reports whether the pointer stands for the content.
func (p Pointer) Is(content []byte) bool {
	sum := sha256.Sum256(content)
	return int64(len(content)) == p.Size && hex.EncodeToString(sum[:]) == p.OID
}

// unreachable says why there is no answer.
func unreachable(request *http.Request, err error) error {
	switch {
	case errors.Is(err, dial.ErrNotAsked):
		return syncline.Errorf(syncline.Invalid, "LFS server %s: %w", request.URL.Host, dial.ErrNotAsked)
	case request.Context().Err() != nil:
		return syncline.Errorf(syncline.Transient, "LFS server %s did not answer: %w", request.URL.Host, request.Context().Err())
	}
	return syncline.Errorf(syncline.Transient, "LFS server %s was not reached: %w", request.URL.Host, err)
}

// refused says what a status means.
func refused(request *http.Request, status int) error {
	if status == http.StatusUnauthorized {
		return syncline.Errorf(syncline.Denied, "LFS server %s answered %d: %w", request.URL.Host, status, ErrUnauthorized)
	}
	return syncline.Errorf(kindOf(status), "LFS server %s answered %d", request.URL.Host, status)
}

func kindOf(status int) syncline.Kind {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return syncline.Denied
	case status == http.StatusNotFound, status == http.StatusGone:
		return syncline.NotFound
	case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return syncline.Transient
	default:
		return syncline.Invalid
	}
}

// ReadGrant reads what git-lfs-authenticate prints: where a repository's LFS server is that is
// reached by ssh, and what it wants.
func ReadGrant(printed []byte) (api string, header http.Header, err error) {
	var read struct {
		Href   string            `json:"href"`
		Header map[string]string `json:"header"`
	}
	if err := json.Unmarshal(printed, &read); err != nil {
		return "", nil, syncline.Errorf(syncline.Invalid, "git-lfs-authenticate of its server printed no JSON")
	}
	to, err := url.Parse(read.Href)
	if err != nil || to.Scheme != "https" && to.Scheme != "http" || to.Host == "" || to.User != nil {
		return "", nil, syncline.Errorf(syncline.Invalid, "git-lfs-authenticate of its server printed no http or https address")
	}
	header = http.Header{}
	for name, value := range read.Header {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return "", nil, syncline.Errorf(syncline.Invalid, "git-lfs-authenticate of its server printed a header that cannot be sent")
		}
		header.Set(name, value)
	}
	return strings.TrimRight(fmt.Sprint(to), "/"), header, nil
}
