package plugin

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// wire encodes and decodes the messages of the protocol (protobuf, version 3), of which
// there are few.
type wire struct{}

// Name is that of protobuf in the types of gRPC's contents.
func (wire) Name() string { return "proto" }

// Marshal encodes a message that is sent.
func (wire) Marshal(message any) ([]byte, error) {
	switch message := message.(type) {
	case *nothing:
		return nil, nil
	case *part:
		return message.bytes, nil
	}
	return nil, fmt.Errorf("no message of the protocol: %T", message)
}

// Unmarshal decodes a message that was received.
func (wire) Unmarshal(bytes []byte, message any) error {
	switch message := message.(type) {
	case *configuration:
		return message.decode(bytes)
	case *reply:
		message.bytes = append([]byte(nil), bytes...)
		return nil
	}
	return fmt.Errorf("no message of the protocol: %T", message)
}

type (
	// nothing is google.protobuf.Empty.
	nothing struct{}
	// part is an AppStreamRequest, encoded.
	part struct{ bytes []byte }
	// reply is the answer to a stream, not decoded yet.
	reply struct{ bytes []byte }
)

// decoding is a message that can be decoded.
type decoding interface{ decode(bytes []byte) error }

// configuration is a CheckPluginConfigurationResponse.
type configuration struct{ discovers bool }

func (c *configuration) decode(bytes []byte) error {
	return fields(bytes, func(number protowire.Number, value value) {
		if number == 1 {
			c.discovers = value.number != 0
		}
	})
}

// matched is a RepositoryResponse.
type matched struct{ supported, discovers bool }

func (m *matched) decode(bytes []byte) error {
	return fields(bytes, func(number protowire.Number, value value) {
		switch number {
		case 1:
			m.supported = value.number != 0
		case 2:
			m.discovers = value.number != 0
		}
	})
}

// generated is a ManifestResponse.
type generated struct{ manifests [][]byte }

func (g *generated) decode(bytes []byte) error {
	return fields(bytes, func(number protowire.Number, value value) {
		if number == 1 {
			g.manifests = append(g.manifests, value.bytes)
		}
	})
}

// value is that of a field: a number, or bytes.
type value struct {
	number uint64
	bytes  []byte
}

// fields visits the fields of a message that are of a type which the protocol uses.
func fields(bytes []byte, visit func(protowire.Number, value)) error {
	for len(bytes) > 0 {
		number, kind, length := protowire.ConsumeTag(bytes)
		if length < 0 {
			return errBroken
		}
		bytes = bytes[length:]
		var found value
		switch kind {
		case protowire.VarintType:
			found.number, length = protowire.ConsumeVarint(bytes)
		case protowire.BytesType:
			found.bytes, length = protowire.ConsumeBytes(bytes)
		default:
			length = protowire.ConsumeFieldValue(number, kind, bytes)
		}
		if length < 0 {
			return errBroken
		}
		if kind == protowire.VarintType || kind == protowire.BytesType {
			visit(number, found)
		}
		bytes = bytes[length:]
	}
	return nil
}

// errBroken is that of bytes that are no message.
var errBroken = errors.New("it is no protobuf")

// chunk returns the part of a stream that has some bytes of the archive.
func chunk(bytes []byte) *part {
	return &part{field(nil, 2, field(nil, 1, bytes))}
}

// head returns the first part of a stream: what the archive is, which folder in it is
// rendered, and the variables, each "NAME=value".
func head(name, folder, checksum string, size int64, environ []string) *part {
	var message []byte
	message = field(message, 1, []byte(name))
	message = field(message, 2, []byte(folder))
	message = field(message, 3, []byte(checksum))
	message = protowire.AppendTag(message, 4, protowire.VarintType)
	message = protowire.AppendVarint(message, uint64(max(size, 0)))
	for _, variable := range environ {
		name, value, _ := bytes.Cut([]byte(variable), []byte("="))
		message = field(message, 5, field(field(nil, 1, name), 2, value))
	}
	return &part{field(nil, 1, message)}
}

// field appends a field of bytes.
func field(message []byte, number protowire.Number, bytes []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(message, number, protowire.BytesType), bytes)
}
