// Package plugintest is the other side of package plugin: a config management plugin that
// is served at a socket, as the sidecars of Argo CD's repository server are.
package plugintest

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
	"path/filepath"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"
)

// Request is what a plugin is asked.
type Request struct {
	// Name is that of the folder, and Folder where it is among the files.
	Name, Folder string
	// Environ are the variables, each "NAME=value".
	Environ []string
	// Files are what it was given, by their names; a folder ends with a slash.
	Files map[string]File
}

// File is one that a plugin was given.
type File struct {
	Mode int64
	Text string
}

// Plugin is what a plugin does.
type Plugin struct {
	// Supports looks at files; nil for one that does not.
	Supports func(context.Context, Request) (bool, error)
	// Generate makes manifests.
	Generate func(context.Context, Request) ([]string, error)
}

const service = "/plugin.ConfigManagementPluginService/"

// Serve serves a plugin under its name in a folder of sockets, until it is closed.
func Serve(dir, name string, p Plugin) (closing func(), err error) {
	var listening net.ListenConfig
	listener, err := listening.Listen(context.Background(), "unix", filepath.Join(dir, name+".sock"))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	codec := connect.WithCodec(raw{})
	mux.Handle(service+"CheckPluginConfiguration", connect.NewUnaryHandler(service+"CheckPluginConfiguration",
		func(context.Context, *connect.Request[message]) (*connect.Response[message], error) {
			return connect.NewResponse(&message{flag(nil, 1, p.Supports != nil)}), nil
		}, codec))
	handle := func(procedure string, answer func(context.Context, Request) ([]byte, error)) {
		mux.Handle(service+procedure, connect.NewClientStreamHandler(service+procedure,
			func(ctx context.Context, stream *connect.ClientStream[message]) (*connect.Response[message], error) {
				request, err := receive(stream)
				if err != nil {
					return nil, connect.NewError(connect.CodeInvalidArgument, err)
				}
				answered, err := answer(ctx, request)
				if err != nil {
					return nil, connect.NewError(connect.CodeUnknown, err)
				}
				return connect.NewResponse(&message{answered}), nil
			}, codec))
	}
	handle("MatchRepository", func(ctx context.Context, request Request) ([]byte, error) {
		if p.Supports == nil {
			return flag(flag(nil, 1, false), 2, false), nil
		}
		supported, err := p.Supports(ctx, request)
		return flag(flag(nil, 1, supported), 2, true), err
	})
	handle("GenerateManifest", func(ctx context.Context, request Request) ([]byte, error) {
		manifests, err := p.Generate(ctx, request)
		var answer []byte
		for _, manifest := range manifests {
			answer = protowire.AppendString(protowire.AppendTag(answer, 1, protowire.BytesType), manifest)
		}
		return answer, err
	})
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: mux, Protocols: &protocols, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // it ends when it is closed
	}()
	return func() {
		_ = server.Close()
		<-done
	}, nil
}

// receive reads a request.
func receive(stream *connect.ClientStream[message]) (Request, error) {
	var head, archive []byte
	for stream.Receive() {
		part, err := fields(stream.Msg().bytes)
		if err != nil {
			return Request{}, err
		}
		switch {
		case len(part[1]) == 1 && head == nil:
			head = part[1][0]
		case len(part[2]) == 1 && head != nil:
			file, err := fields(part[2][0])
			if err != nil {
				return Request{}, err
			}
			archive = append(archive, one(file[1])...)
		default:
			return Request{}, errors.New("what the archive is has to come first, and once")
		}
	}
	if err := stream.Err(); err != nil {
		return Request{}, err
	}
	return requestOf(head, archive)
}

// requestOf reads what an archive is, which has to have the checksum that it says.
func requestOf(head, archive []byte) (Request, error) {
	about, err := fields(head)
	if err != nil {
		return Request{}, err
	}
	if sum := sha256.Sum256(archive); hex.EncodeToString(sum[:]) != one(about[3]) {
		return Request{}, fmt.Errorf("the archive has the checksum %x, not %s", sum, about[3])
	}
	request := Request{Name: one(about[1]), Folder: one(about[2]), Files: map[string]File{}}
	for _, variable := range about[5] {
		pair, err := fields(variable)
		if err != nil {
			return Request{}, err
		}
		request.Environ = append(request.Environ, one(pair[1])+"="+one(pair[2]))
	}
	return request, unpack(archive, request.Files)
}

// unpack reads an archive.
func unpack(archive []byte, files map[string]File) error {
	unpacked, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return err
	}
	reader := tar.NewReader(unpacked)
	for {
		header, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case !filepath.IsLocal(header.Name):
			return fmt.Errorf("%q leads out of the archive", header.Name)
		}
		text, err := io.ReadAll(reader)
		if err != nil {
			return err
		}
		files[header.Name] = File{header.Mode, string(text)}
	}
}

// raw passes messages as they are on the wire.
type raw struct{}

type message struct{ bytes []byte }

func (raw) Name() string { return "proto" }

func (raw) Marshal(from any) ([]byte, error) {
	m, ok := from.(*message)
	if !ok {
		return nil, fmt.Errorf("no message: %T", from)
	}
	return m.bytes, nil
}

func (raw) Unmarshal(text []byte, into any) error {
	m, ok := into.(*message)
	if !ok {
		return fmt.Errorf("no message: %T", into)
	}
	m.bytes = bytes.Clone(text)
	return nil
}

// fields returns the fields of a message that are bytes.
func fields(text []byte) (map[protowire.Number][][]byte, error) {
	found := map[protowire.Number][][]byte{}
	for len(text) > 0 {
		number, kind, length := protowire.ConsumeField(text)
		if length < 0 {
			return nil, protowire.ParseError(length)
		}
		_, _, tag := protowire.ConsumeTag(text)
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(text[tag:])
			found[number] = append(found[number], value)
		}
		text = text[length:]
	}
	return found, nil
}

// one is a field that comes once at most, as text.
func one(values [][]byte) string {
	if len(values) == 0 {
		return ""
	}
	return string(values[len(values)-1])
}

func flag(text []byte, number protowire.Number, value bool) []byte {
	return protowire.AppendVarint(protowire.AppendTag(text, number, protowire.VarintType), protowire.EncodeBool(value))
}
