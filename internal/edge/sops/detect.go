package sops

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/edge/sops/document"
)

// maxFile is the size in bytes of the largest file that is decrypted.
const maxFile = 4 << 20

// file is an encrypted file, as far as its text tells.
type file struct {
	name      string
	format    document.Format
	documents []document.Branch
	metadata  map[string]any
	// wrong is why it cannot be read, though it is one.
	wrong error
	// recipients are known when the metadata has been read.
	recipients []Key
}

// Is reports whether a file is encrypted by sops: it has the metadata of sops, by which
// it is decrypted, or is a damaged file that had. Most files cost the search for two
// words. A file of kind SopsSecret is none: it is applied as it is, and decrypted in the
// cluster by the operator of that kind.
func Is(text []byte, name string) bool {
	_, is := inspect(name, text)
	return is
}

// metadataLine is how the metadata begins in any of the formats.
func metadataLine() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^(?:["']?sops["']?[ \t]*:|\[sops\]|sops_[a-z_0-9]+=)|"sops"[ \t\r\n]*:`)
}

// inspect reads a file, and reports whether it is encrypted.
func inspect(name string, text []byte) (file, bool) {
	if !bytes.Contains(text, []byte("sops")) || !bytes.Contains(text, []byte("ENC[AES256_GCM,")) {
		return file{}, false
	}
	f := file{name: name, format: formatOf(name, text)}
	if len(text) > maxFile {
		f.wrong = fmt.Errorf("it has %d bytes, and encrypted files of at most %d are read", len(text), maxFile)
		return f, metadataLine().Match(text)
	}
	f.documents, f.wrong = document.Parse(f.format, text)
	if f.wrong == nil {
		f.documents, f.metadata, f.wrong = document.Split(f.format, f.documents)
	}
	if f.wrong != nil {
		return f, document.FormatOf(name) != document.Binary && metadataLine().Match(text)
	}
	if f.isObject() {
		f.format = document.JSON
	}
	return f, (f.metadata["mac"] != nil || f.metadata["lastmodified"] != nil) && !isSopsSecret(f.documents)
}

// isObject reports whether what is taken for a binary file has other fields than one has.
func (f file) isObject() bool {
	return f.format == document.Binary && (len(f.documents[0]) != 1 || f.documents[0][0].Key != "data")
}

// formatOf returns the format of an encrypted file: by its name, and by what is in it
// where the name says nothing, since sops writes any format under any name.
func formatOf(name string, text []byte) document.Format {
	format := document.FormatOf(name)
	if format != document.Binary {
		return format
	}
	switch mark := string(metadataLine().Find(text)); {
	case strings.HasPrefix(mark, "sops_"):
		return document.Dotenv
	case mark == "[sops]":
		return document.INI
	case mark != "" && !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")):
		return document.YAML
	}
	return format
}

// sopsSecretGroup is the API group of kind SopsSecret; see
// https://github.com/isindir/sops-secrets-operator.
const sopsSecretGroup = "isindir.github.com/"

// isSopsSecret reports whether all documents are for the operator of SopsSecret.
func isSopsSecret(documents []document.Branch) bool {
	return !slices.ContainsFunc(documents, func(branch document.Branch) bool {
		return !slices.ContainsFunc(branch, func(item document.Item) bool {
			group, _ := item.Value.(string)
			return item.Comment == nil && item.Key == "apiVersion" && strings.HasPrefix(group, sopsSecretGroup)
		})
	})
}

// HasCiphertext returns the first field of an object that is encrypted by sops, such as
// "data.password", and whether there is one. Applied as it is, such an object is of no
// use to whoever reads it, and hides that a secret was not decrypted. Of a Secret, what
// its data encodes counts.
func HasCiphertext(content map[string]any) (field string, has bool) {
	if version, _ := content["apiVersion"].(string); strings.HasPrefix(version, sopsSecretGroup) {
		return "", false
	}
	if metadata, isMap := content["sops"].(map[string]any); isMap && metadata["mac"] != nil {
		return "sops", true
	}
	if content["kind"] == "Secret" {
		data, _ := content["data"].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(data)) {
			encoded, _ := data[key].(string)
			text, err := base64.StdEncoding.DecodeString(encoded)
			if err == nil && (hasValue(string(text)) || Is(text, key)) {
				return "data." + sealed.ShownKey(key), true
			}
		}
	}
	return findCiphertext(content, "")
}

// findCiphertext searches below a field.
func findCiphertext(value any, field string) (string, bool) {
	switch value := value.(type) {
	case string:
		return field, hasValue(value)
	case []any:
		for i, item := range value {
			if found, has := findCiphertext(item, fmt.Sprintf("%s[%d]", field, i)); has {
				return found, true
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if found, has := findCiphertext(value[key], strings.TrimPrefix(field+"."+sealed.ShownKey(key), ".")); has {
				return found, true
			}
		}
	}
	return "", false
}

// hasValue reports whether an encrypted value is in a text.
func hasValue(text string) bool {
	for {
		_, rest, found := strings.Cut(text, valuePrefix)
		if !found {
			return false
		}
		value, _, closed := strings.Cut(rest, valueSuffix)
		if _, _, _, err := parseValue(valuePrefix + value + valueSuffix); closed && err == nil {
			return true
		}
		text = rest
	}
}
