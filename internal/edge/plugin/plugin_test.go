package plugin_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/edge/folder"
	"github.com/syncline-io/syncline/internal/edge/plugin"
)

// request is what a plugin was asked.
type request struct {
	name, folder string
	environ      []string
	// files are what it was given, each with its mode.
	files map[string]string
}

// fake is a plugin: the server's side of the protocol.
type fake struct {
	discovers bool
	supports  func(request) bool
	generate  func(request) ([]string, error)
	// asked are the requests for manifests.
	asked []request
}

// raw passes messages as they are on the wire.
type raw struct{}

func (raw) Name() string                        { return "proto" }
func (raw) Marshal(message any) ([]byte, error) { return message.(*envelope).bytes, nil }
func (raw) Unmarshal(b []byte, message any) error {
	message.(*envelope).bytes = bytes.Clone(b)
	return nil
}

type envelope struct{ bytes []byte }

// fields returns the fields of a message that are bytes.
func fields(t testing.TB, message []byte) map[protowire.Number][][]byte {
	t.Helper()
	found := map[protowire.Number][][]byte{}
	for len(message) > 0 {
		number, kind, length := protowire.ConsumeTag(message)
		if length < 0 {
			t.Fatal("a tag cannot be read")
		}
		message = message[length:]
		length = protowire.ConsumeFieldValue(number, kind, message)
		if length < 0 {
			t.Fatal("a field cannot be read")
		}
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			found[number] = append(found[number], value)
		}
		message = message[length:]
	}
	return found
}

func field(message []byte, number protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(message, number, protowire.BytesType), value)
}

func flag(message []byte, number protowire.Number, value bool) []byte {
	return protowire.AppendVarint(protowire.AppendTag(message, number, protowire.VarintType), protowire.EncodeBool(value))
}

// start serves the plugin at a socket of the name.
func (f *fake) start(t testing.TB, dir, name string) {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(dir, name+".sock"))
	if err != nil {
		t.Fatal(err)
	}
	const service = "/plugin.ConfigManagementPluginService/"
	mux := http.NewServeMux()
	codec := connect.WithCodec(raw{})
	mux.Handle(service+"CheckPluginConfiguration", connect.NewUnaryHandler(service+"CheckPluginConfiguration",
		func(context.Context, *connect.Request[envelope]) (*connect.Response[envelope], error) {
			return connect.NewResponse(&envelope{flag(flag(nil, 1, f.discovers), 2, true)}), nil
		}, codec))
	mux.Handle(service+"MatchRepository", connect.NewClientStreamHandler(service+"MatchRepository",
		func(_ context.Context, stream *connect.ClientStream[envelope]) (*connect.Response[envelope], error) {
			supported := f.supports(receive(t, stream))
			return connect.NewResponse(&envelope{flag(flag(nil, 1, supported), 2, f.discovers)}), nil
		}, codec))
	mux.Handle(service+"GenerateManifest", connect.NewClientStreamHandler(service+"GenerateManifest",
		func(_ context.Context, stream *connect.ClientStream[envelope]) (*connect.Response[envelope], error) {
			asked := receive(t, stream)
			f.asked = append(f.asked, asked)
			manifests, err := f.generate(asked)
			if err != nil {
				return nil, connect.NewError(connect.CodeUnknown, err)
			}
			var answer []byte
			for _, manifest := range manifests {
				answer = field(answer, 1, manifest)
			}
			return connect.NewResponse(&envelope{field(answer, 2, "Plugin")}), nil
		}, codec))
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: mux, Protocols: &protocols, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
}

// receive reads a request, whose archive has to have the checksum and the size that it
// says.
func receive(t testing.TB, stream *connect.ClientStream[envelope]) request {
	var (
		head    map[protowire.Number][][]byte
		archive []byte
	)
	for stream.Receive() {
		message := fields(t, stream.Msg().bytes)
		if metadata := message[1]; metadata != nil {
			head = fields(t, metadata[0])
			continue
		}
		archive = append(archive, fields(t, message[2][0])[1][0]...)
	}
	sum := sha256.Sum256(archive)
	if want := string(head[3][0]); hex.EncodeToString(sum[:]) != want {
		t.Errorf("the archive has the checksum %x, not %s", sum, want)
	}
	found := request{name: string(head[1][0]), folder: string(head[2][0]), files: map[string]string{}}
	for _, variable := range head[5] {
		pair := fields(t, variable)
		found.environ = append(found.environ, string(pair[1][0])+"="+string(pair[2][0]))
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Errorf("the archive is no gzip: %v", err)
		return found
	}
	files := tar.NewReader(unpacked)
	for {
		header, err := files.Next()
		if err != nil {
			return found
		}
		text, _ := io.ReadAll(files)
		found.files[header.Name] = fmt.Sprintf("%o %s", header.Mode, text)
	}
}

// files returns a tree of these files.
func files(t testing.TB, texts map[string]string) syncline.Tree {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		path := filepath.Join(dir, name)
		mode := os.FileMode(0o600)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o700
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), mode)); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := folder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

// A plugin gets all files with their modes, the folder and the variables, and what it
// makes comes back as it is.
func TestGenerate(t *testing.T) {
	dir := t.TempDir()
	f := &fake{generate: func(request) ([]string, error) { return []string{configMap, "{}"}, nil }}
	f.start(t, dir, "cue-v1.0")
	large := strings.Repeat("0123456789", 100_000)
	tree := files(t, map[string]string{"apps/web/main.cue": "a: 1", "apps/web/run.sh": "#!", "lib/large": large})
	got, err := plugin.Folder{Path: dir}.Generate(t.Context(), tool.PluginCall{Name: "cue-v1.0", Environ: []string{"A=b=c", "EMPTY="}}, tree, "apps/web")
	if err != nil {
		t.Fatal(err)
	}
	want := []syncline.Manifest{{Origin: "plugin cue-v1.0", Text: []byte(configMap)}, {Origin: "plugin cue-v1.0", Text: []byte("{}")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	asked := []request{{name: "web", folder: "apps/web", environ: []string{"A=b=c", "EMPTY="}, files: map[string]string{
		"apps/": "755 ", "apps/web/": "755 ", "apps/web/main.cue": "644 a: 1", "apps/web/run.sh": "755 #!", "lib/": "755 ", "lib/large": "644 " + large,
	}}}
	if diff := cmp.Diff(asked, f.asked, cmp.AllowUnexported(request{})); diff != "" {
		t.Error(diff)
	}
}

// The first plugin that looks at the files and supports them is theirs. It is shown their
// folder alone, and one that does not look supports none that does not name it.
func TestMatch(t *testing.T) {
	dir := t.TempDir()
	var shown []string
	supports := func(suffix string) func(request) bool {
		return func(r request) bool {
			for name := range r.files {
				shown = append(shown, name)
			}
			_, found := r.files["apps/web/"+suffix]
			return found
		}
	}
	all := plugin.Folder{Path: dir}
	tree := files(t, map[string]string{"apps/web/main.cue": "", "secret/a": ""})
	if discovers, err := all.Discover(t.Context()); discovers || err != nil {
		t.Errorf("without plugins one looks: %t, %v", discovers, err)
	}
	(&fake{generate: func(request) ([]string, error) { return nil, nil }}).start(t, dir, "a-quiet")
	if discovers, err := all.Discover(t.Context()); discovers || err != nil {
		t.Errorf("a plugin that does not look looks: %t, %v", discovers, err)
	}
	(&fake{discovers: true, supports: supports("Helmfile")}).start(t, dir, "b-helmfile")
	(&fake{discovers: true, supports: supports("main.cue")}).start(t, dir, "c-cue")
	if discovers, err := all.Discover(t.Context()); !discovers || err != nil {
		t.Errorf("no plugin looks: %t, %v", discovers, err)
	}
	if name, err := all.Match(t.Context(), tool.PluginCall{}, tree, "apps/web"); name != "c-cue" || err != nil {
		t.Errorf("it is for %q, %v; want c-cue", name, err)
	}
	if name, err := all.Match(t.Context(), tool.PluginCall{}, files(t, map[string]string{"apps/web/a": ""}), "apps/web"); name != "" || err != nil {
		t.Errorf("it is for %q, %v; want none", name, err)
	}
	if slices.ContainsFunc(shown, func(name string) bool { return strings.HasPrefix(name, "secret") }) {
		t.Errorf("they were shown %q", shown)
	}
	_, err := all.Generate(t.Context(), tool.PluginCall{Name: "b-helmfile"}, tree, "apps/web")
	if err == nil || !strings.Contains(err.Error(), "does not support") {
		t.Errorf("a plugin that is named renders what it does not support: %v", err)
	}
}

// What a plugin fails at is told, and tried again.
func TestFailures(t *testing.T) {
	dir := t.TempDir()
	release := make(chan struct{})
	defer close(release)
	for name, generate := range map[string]func(request) ([]string, error){
		"fails": func(request) ([]string, error) { return nil, errors.New("`cue` failed exit status 1: no such field") },
		"large": func(request) ([]string, error) { return []string{strings.Repeat("a", 2<<20)}, nil },
		"hangs": func(request) ([]string, error) { <-release; return nil, nil },
	} {
		(&fake{generate: generate}).start(t, dir, name)
	}
	gone, err := net.Listen("unix", filepath.Join(dir, "gone.sock"))
	if err != nil {
		t.Fatal(err)
	}
	gone.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = gone.Close()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link.sock")); err != nil {
		t.Fatal(err)
	}
	tree := files(t, map[string]string{"a": "12345"})
	for _, c := range []struct {
		name, want string
		folder     plugin.Folder
	}{
		{"fails", "no such field", plugin.Folder{Path: dir}},
		{"large", "answers more than is taken", plugin.Folder{Path: dir, MaxOutput: 1 << 20}},
		{"hangs", "took too long", plugin.Folder{Path: dir, Timeout: 100 * time.Millisecond}},
		{"gone", "is not answering", plugin.Folder{Path: dir}},
		{"link", "is not there", plugin.Folder{Path: dir}},
		{"../" + filepath.Base(dir) + "/fails", "is not there", plugin.Folder{Path: dir}},
		{"none", "is not there", plugin.Folder{}},
	} {
		_, err := c.folder.Generate(t.Context(), tool.PluginCall{Name: c.name}, tree, "")
		if syncline.KindOf(err) != syncline.Transient || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v (%v); want %q, to be tried again", c.name, err, syncline.KindOf(err), c.want)
		}
	}
	if _, err := (plugin.Folder{Path: dir}).Discover(t.Context()); syncline.KindOf(err) != syncline.Transient {
		t.Errorf("what a plugin that does not answer supports is known: %v", err)
	}
	if _, err := (plugin.Folder{Path: t.TempDir(), Expected: []string{"late"}}).Discover(t.Context()); err == nil || !strings.Contains(err.Error(), `"late" is not there`) {
		t.Errorf("what a plugin that is not there yet supports is known: %v", err)
	}
	if _, err := (plugin.Folder{Path: dir, MaxFiles: 4}).Generate(t.Context(), tool.PluginCall{Name: "fails"}, tree, ""); syncline.KindOf(err) != syncline.Invalid {
		t.Errorf("it is given more than is allowed: %v", err)
	}
}
