// Package plugin asks programs beside this one to render: config management plugins, each
// in a container of its own, which are reached by a socket in a folder that all share.
// It speaks their protocol: gRPC, with the files as a tar archive in a stream. A plugin
// gets these files and variables, and no credentials.
package plugin

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/base/visible"
)

// Folder has the sockets of plugins, each called after its plugin with ".sock": the name,
// and a version after "-" when it has one.
type Folder struct {
	// Path is the folder; "" for no plugins.
	Path string
	// Expected names plugins that have to be there before it is said what none supports:
	// they may begin later than this process.
	Expected []string
	// Timeout is how long a plugin may take to answer. Default 90 s, as long as a plugin
	// lets its own commands run.
	Timeout time.Duration
	// MaxOutput bounds the bytes that a plugin answers with. Default 32 MiB.
	MaxOutput int
	// MaxFiles bounds the bytes of the files that it is given. Default 512 MiB.
	MaxFiles int64
}

// The defaults of a Folder, and how many sockets it may have.
const (
	defaultTimeout   = 90 * time.Second
	defaultMaxOutput = 32 << 20
	defaultMaxFiles  = 512 << 20
	maxPlugins       = 100
	// maxSaid is how much is shown of what a plugin says.
	maxSaid = 1000
)

// suffix ends the name of a socket.
const suffix = ".sock"

// nameForm is the form of a plugin's name, which is that of a file.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$`)

// Discover reports whether any plugin looks at files to find out whether it supports
// them. A plugin that does not answer, or that is expected and not there, is Transient:
// nobody else knows what it supports.
func (f Folder) Discover(ctx context.Context) (bool, error) {
	for _, name := range f.Expected {
		if err := f.check(name); err != nil {
			return false, err
		}
	}
	names, err := f.names()
	if err != nil {
		return false, err
	}
	for _, name := range names {
		discovers, err := f.discovers(ctx, f.open(name))
		if err != nil || discovers {
			return discovers, err
		}
	}
	return false, nil
}

// Match returns the first plugin, by name, that supports a folder of files; "" when none
// does. It is given that folder alone.
func (f Folder) Match(ctx context.Context, call tool.PluginCall, files syncline.Tree, folder string) (string, error) {
	names, err := f.names()
	if err != nil || len(names) == 0 {
		return "", err
	}
	packed, err := pack(files, folder, f.maxFiles())
	if err != nil {
		return "", err
	}
	defer packed.close()
	for _, name := range names {
		supports, err := f.supports(ctx, f.open(name), upload{packed, folder, call.Environ}, false)
		if err != nil || supports {
			return name, err
		}
	}
	return "", nil
}

// Generate has the plugin that a call names render a folder; it is given all files. What
// it fails at is Transient: the same may go well the next time.
func (f Folder) Generate(ctx context.Context, call tool.PluginCall, files syncline.Tree, folder string) ([]syncline.Manifest, error) {
	if err := f.check(call.Name); err != nil {
		return nil, err
	}
	packed, err := pack(files, "", f.maxFiles())
	if err != nil {
		return nil, err
	}
	defer packed.close()
	server, sent := f.open(call.Name), upload{packed, folder, call.Environ}
	supports, err := f.supports(ctx, server, sent, true)
	switch {
	case err != nil:
		return nil, err
	case !supports:
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.Transient, "the plugin %s does not support the files of this source", call.Name),
			"look at discover in its plugin.yaml")
	}
	var answer generated
	if err := f.send(ctx, server, "GenerateManifest", sent, &answer); err != nil {
		return nil, err
	}
	manifests := make([]syncline.Manifest, len(answer.manifests))
	for i, text := range answer.manifests {
		manifests[i] = syncline.Manifest{Origin: "plugin " + call.Name, Text: text}
	}
	return manifests, nil
}

// names returns the names of all plugins, sorted.
func (f Folder) names() ([]string, error) {
	if f.Path == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, syncline.Errorf(syncline.Transient, "look for plugins: %w", err)
	}
	var names []string
	for _, entry := range entries {
		name, isSocket := strings.CutSuffix(entry.Name(), suffix)
		if isSocket && entry.Type() == fs.ModeSocket && nameForm.MatchString(name) && len(names) < maxPlugins {
			names = append(names, name)
		}
	}
	return names, nil
}

// check returns an error when there is no plugin of the name.
func (f Folder) check(name string) error {
	names, err := f.names()
	if err != nil {
		return err
	}
	if slices.Contains(names, name) {
		return nil
	}
	there := "there are none: their sockets have to be in the folder of --plugin-dir of syncline server"
	if len(names) > 0 {
		there = "name one that is there: " + strings.Join(names, ", ")
	}
	return syncline.WithHint(syncline.Errorf(syncline.Transient, "the plugin %q is not there", visible.Clip(name, 100)), there)
}

// server is one plugin.
type server struct {
	name string
	http *http.Client
}

// open returns the plugin of a name. Each call has a connection of its own, because a
// plugin that starts anew has another socket.
func (f Folder) open(name string) server {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	return server{name, &http.Client{Transport: &http.Transport{
		Protocols: &protocols, DisableCompression: true, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", filepath.Join(f.Path, name+suffix))
		},
	}}}
}

// supports reports whether a plugin supports the files. One that does not look at them
// supports those of a source that names it.
func (f Folder) supports(ctx context.Context, s server, sent upload, named bool) (bool, error) {
	discovers, err := f.discovers(ctx, s)
	if err != nil || !discovers {
		return named, err
	}
	var answer matched
	err = f.send(ctx, s, "MatchRepository", sent, &answer)
	return answer.supported || named && !answer.discovers, err
}

// discovers reports whether a plugin looks at files.
func (f Folder) discovers(ctx context.Context, s server) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout())
	defer cancel()
	client := connect.NewClient[nothing, configuration](s.http, address+"CheckPluginConfiguration", f.options()...)
	answer, err := client.CallUnary(ctx, connect.NewRequest(&nothing{}))
	if err != nil {
		return false, s.failed(ctx, "is not answering", err)
	}
	return answer.Msg.discovers, nil
}

// address begins the addresses of procedures; the socket is where they are.
const address = "http://plugin/plugin.ConfigManagementPluginService/"

// options are those of every call. What is received has a bound; compressed it would
// have none.
func (f Folder) options() []connect.ClientOption {
	limit := f.MaxOutput
	if limit == 0 {
		limit = defaultMaxOutput
	}
	return []connect.ClientOption{
		connect.WithGRPC(), connect.WithCodec(wire{}), connect.WithReadMaxBytes(limit), connect.WithAcceptCompression("gzip", nil, nil),
	}
}

// send sends the files to a procedure and decodes what it answers.
func (f Folder) send(ctx context.Context, s server, procedure string, sent upload, answer decoding) error {
	ctx, cancel := context.WithTimeout(ctx, f.timeout())
	defer cancel()
	client := connect.NewClient[part, reply](s.http, address+procedure, f.options()...)
	stream := client.CallClientStream(ctx)
	for message, err := range sent.parts() {
		if err != nil {
			return err
		}
		if stream.Send(message) != nil {
			break // what the plugin says of it is told at the end
		}
	}
	received, err := stream.CloseAndReceive()
	if err != nil {
		return s.failed(ctx, "failed", err)
	}
	if err := answer.decode(received.Msg.bytes); err != nil {
		return syncline.Errorf(syncline.Transient, "the plugin %s answers what cannot be read: %w", s.name, err)
	}
	return nil
}

// failed returns what a plugin says, or why it says nothing.
func (s server) failed(ctx context.Context, how string, err error) error {
	var said *connect.Error
	switch {
	case context.Cause(ctx) != nil:
		return syncline.WithHint(syncline.Errorf(syncline.Transient, "the plugin %s took too long: %w", s.name, context.Cause(ctx)),
			"give it more processors, or raise --plugin-seconds of syncline server")
	case errors.As(err, &said) && said.Code() == connect.CodeResourceExhausted:
		return syncline.Errorf(syncline.Transient, "the plugin %s answers more than is taken: %w", s.name, err)
	case errors.As(err, &said) && connect.IsWireError(err):
		return syncline.Errorf(syncline.Transient, "the plugin %s %s: %s", s.name, how, visible.Clip(said.Message(), maxSaid))
	}
	return syncline.WithHint(syncline.Errorf(syncline.Transient, "the plugin %s %s: %w", s.name, how, err),
		"look at the log of its container; a socket that no plugin has any more has to be removed")
}

func (f Folder) timeout() time.Duration {
	if f.Timeout == 0 {
		return defaultTimeout
	}
	return f.Timeout
}

func (f Folder) maxFiles() int64 {
	if f.MaxFiles == 0 {
		return defaultMaxFiles
	}
	return f.MaxFiles
}
