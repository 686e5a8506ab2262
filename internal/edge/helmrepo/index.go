package helmrepo

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/Masterminds/semver/v3"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// The bounds of an index, besides how long it is.
const (
	// maxItem is how long one version of a chart, or one line, may be.
	maxItem = 1 << 20
	// maxWhole is how long an index may be that has to be read as one YAML document.
	maxWhole = 1 << 20
	// maxCharts and maxVersions are how many charts, and how many versions of one, and
	// maxBytes is how much memory all may take, as of 80,000 versions with usual URLs.
	maxCharts   = 100_000
	maxVersions = 50_000
	maxBytes    = 16 << 20
)

// readIndex reads an index.yaml, also one in JSON, while it comes: what is in memory is
// one version of a chart, and the little that is kept of each. It takes what Helm takes;
// what it cannot read is an Invalid error that names the line, and never less charts.
// Errors of from are returned as they are.
func readIndex(from io.Reader) (upstream.Charts, error) {
	in := &rewindable{from: from}
	buffered := bufio.NewReaderSize(in, 64<<10)
	head, err := firstByte(buffered)
	if err != nil {
		return nil, err
	}
	read := readLines
	if head == '{' {
		read = readJSON
	}
	c := newCollector()
	err = read(buffered, c)
	if form, ok := errors.AsType[*formError](err); ok {
		if c, err = readWhole(in, form); err != nil {
			return nil, err
		}
	}
	if in.failed != nil {
		return nil, in.failed
	}
	if err != nil {
		return nil, err
	}
	if c.apiVersion == "" {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "its index has no apiVersion: it is no index of a Helm repository"),
			"check the address; the server may have answered with a page for people")
	}
	return c.charts, nil
}

// formError is that an index is not written in the way that is read while it comes.
type formError struct {
	line int
	why  string
}

func (e *formError) Error() string {
	if e.line == 0 {
		return e.why
	}
	return fmt.Sprintf("line %d: %s", e.line, e.why)
}

// rewindable remembers the beginning of what is read, as long as it is short enough to be
// read as a whole, and why no more came.
type rewindable struct {
	from   io.Reader
	head   bytes.Buffer
	seen   int
	failed error
}

// Read reads on.
func (r *rewindable) Read(data []byte) (int, error) {
	n, err := r.from.Read(data)
	if r.seen += n; r.seen <= maxWhole {
		r.head.Write(data[:n])
	} else {
		r.head = bytes.Buffer{}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed = err
	}
	return n, err
}

// firstByte returns the first byte that is no white space, unread; 0 where there is none.
func firstByte(in *bufio.Reader) (byte, error) {
	for {
		b, err := in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return 0, nil
		case err != nil:
			return 0, err
		case b != ' ' && b != '\n' && b != '\r' && b != '\t':
			return b, in.UnreadByte()
		}
	}
}

// indexEntry is what is read of one version of a chart.
type indexEntry struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Type    string   `json:"type"`
	Digest  string   `json:"digest"`
	URLs    []string `json:"urls"`
}

// readWhole reads an index that is short enough to be read at once.
func readWhole(in *rewindable, form *formError) (*collector, error) {
	if in.failed == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(in, maxWhole+1)) // the error is remembered
	}
	if in.failed != nil {
		return nil, in.failed
	}
	if in.seen > maxWhole {
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "its index cannot be read: %w; in such a form no more than %d bytes are read", form, maxWhole),
			"write it by helm repo index")
	}
	var index struct {
		APIVersion string                   `json:"apiVersion"`
		Entries    map[string][]*indexEntry `json:"entries"`
	}
	if err := yaml.Unmarshal(in.head.Bytes(), &index); err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "its index cannot be read: %.300s", err.Error())
	}
	c := newCollector()
	c.apiVersion = index.APIVersion
	for chart, entries := range index.Entries {
		if err := c.begin(chart); err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if entry == nil {
				continue
			}
			if err := c.add(*entry); err != nil {
				return nil, err
			}
		}
	}
	c.end()
	return c, nil
}

// readJSON reads an index in JSON.
func readJSON(in *bufio.Reader, c *collector) error {
	bounded := &itemReader{from: in, left: maxItem}
	dec := json.NewDecoder(bounded)
	err := eachKey(dec, func(key string) error {
		switch key {
		case "apiVersion":
			return dec.Decode(&c.apiVersion)
		case "entries":
			return eachKey(dec, func(chart string) error {
				if err := c.begin(chart); err != nil {
					return err
				}
				return eachItem(dec, func() error {
					bounded.left = maxItem
					var entry *indexEntry
					if err := dec.Decode(&entry); err != nil || entry == nil {
						return err
					}
					return c.add(*entry)
				})
			})
		default:
			bounded.left = maxItem
			var passed json.RawMessage
			return dec.Decode(&passed)
		}
	})
	c.end()
	if _, known := errors.AsType[*syncline.Error](err); err == nil || known {
		return err
	}
	if errors.Is(err, errLongItem) {
		return syncline.Errorf(syncline.Invalid, "its index cannot be read: an entry has more than %d bytes", maxItem)
	}
	return &formError{why: fmt.Sprintf("it is not the JSON of an index: %.200s", err.Error())}
}

// eachKey visits the keys of an object. What is null is empty.
func eachKey(dec *json.Decoder, visit func(key string) error) error {
	return between(dec, '{', func() error {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string) // keys are
		return visit(key)
	})
}

// eachItem visits the items of a list.
func eachItem(dec *json.Decoder, visit func() error) error { return between(dec, '[', visit) }

func between(dec *json.Decoder, open json.Delim, visit func() error) error {
	token, err := dec.Token()
	if err != nil || token == nil {
		return err
	}
	if token != open {
		return fmt.Errorf("%v stands where %v has to", token, open)
	}
	for dec.More() {
		if err := visit(); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

var errLongItem = errors.New("an item is too long")

// itemReader bounds what is read for one item.
type itemReader struct {
	from io.Reader
	left int
}

// Read reads on, up to the most that there may be.
func (r *itemReader) Read(data []byte) (int, error) {
	if r.left <= 0 {
		return 0, errLongItem
	}
	n, err := r.from.Read(data)
	r.left -= n
	return n, err
}

// collector gathers the charts of an index.
type collector struct {
	apiVersion string
	charts     upstream.Charts
	chart      string
	open       bool
	versions   []readVersion
	// bytes is how much memory the charts that were read take.
	bytes int
}

// readVersion is one version of the chart that is being read.
type readVersion struct {
	upstream.ChartVersion
	number *semver.Version
}

func newCollector() *collector { return &collector{charts: upstream.Charts{}} }

// begin begins a chart.
func (c *collector) begin(chart string) error {
	c.end()
	if _, twice := c.charts[chart]; twice {
		return syncline.Errorf(syncline.Invalid, "its index has chart %.100q twice", chart)
	}
	if len(c.charts) == maxCharts {
		return syncline.Errorf(syncline.Invalid, "its index has more than %d charts", maxCharts)
	}
	c.chart, c.open = strings.Clone(chart), true
	return c.takes(upstream.Charts{chart: nil}.Bytes())
}

// takes takes note of what an index takes in memory.
func (c *collector) takes(bytes int) error {
	if c.bytes += bytes; c.bytes > maxBytes {
		return syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "what its index says of versions and their URLs takes more than %d MiB", maxBytes>>20),
			"split the repository, or leave old versions out of its index")
	}
	return nil
}

// add adds a version of the chart, unless Helm passes over it.
func (c *collector) add(entry indexEntry) error {
	number := entry.number()
	if number == nil {
		return nil
	}
	if len(c.versions) == maxVersions {
		return syncline.Errorf(syncline.Invalid, "its index has more than %d versions of chart %.100q", maxVersions, c.chart)
	}
	version := upstream.ChartVersion{Version: entry.Version}
	if len(entry.URLs) > 0 {
		version.URL = entry.URLs[0] // as Helm does
	}
	sum, err := hex.DecodeString(strings.TrimPrefix(entry.Digest, "sha256:"))
	if version.Sealed = err == nil && len(sum) == sha256.Size; version.Sealed {
		version.Content = [sha256.Size]byte(sum)
	} else {
		// Not of when it was made, which servers that make an index for each answer say anew.
		version.Content = sha256.Sum256(fmt.Appendf(nil, "%q %q", entry.Digest, entry.URLs))
	}
	c.versions = append(c.versions, readVersion{version, number})
	return c.takes(version.Bytes())
}

// number reads the version of an entry; nil where Helm passes over the entry.
func (e *indexEntry) number() *semver.Version {
	number, err := semver.NewVersion(e.Version)
	named := e.Name != "" && e.Name == path.Base(e.Name) && e.Name != "." && e.Name != ".."
	typed := e.Type == "" || e.Type == "application" || e.Type == "library"
	if err != nil || !named || !typed || strings.ContainsFunc(e.Version, unicode.IsControl) || strings.Contains(e.Version, "@") {
		return nil
	}
	return number
}

// end keeps what was read of a chart: of all its texts one copy.
func (c *collector) end() {
	if !c.open {
		return
	}
	c.open = false
	slices.SortStableFunc(c.versions, func(a, b readVersion) int {
		return cmp.Or(b.number.Compare(a.number), strings.Compare(b.Version, a.Version))
	})
	var texts strings.Builder
	for _, v := range c.versions {
		texts.WriteString(v.Version)
		texts.WriteString(v.URL)
	}
	rest := texts.String()
	cut := func(length int) string {
		text := rest[:length]
		rest = rest[length:]
		return text
	}
	kept := make([]upstream.ChartVersion, len(c.versions))
	for i, v := range c.versions {
		kept[i] = v.ChartVersion
		kept[i].Version, kept[i].URL = cut(len(v.Version)), cut(len(v.URL))
	}
	c.charts[c.chart] = kept
	clear(c.versions)
	c.versions = c.versions[:0]
}
