package sops

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/syncline-io/syncline/internal/edge/sops/document"
)

// An encrypted value is ENC[AES256_GCM,data:…,iv:…,tag:…,type:…], each part but the
// type in base64.
const (
	valuePrefix = "ENC[AES256_GCM,data:"
	valueSuffix = "]"
)

const (
	dataKeySize = 32
	nonceSize   = 32
	tagSize     = 16
)

// values decrypts the values of one file.
type values struct{ gcm cipher.AEAD }

func newValues(dataKey []byte) (values, error) {
	if len(dataKey) != dataKeySize {
		return values{}, fmt.Errorf("its data key has %d bytes and not %d", len(dataKey), dataKeySize)
	}
	block, err := aes.NewCipher(dataKey)
	if err != nil {
		return values{}, err
	}
	gcm, err := cipher.NewGCMWithNonceSize(block, nonceSize)
	return values{gcm}, err
}

// open decrypts a value that was encrypted for a place. No error shows anything of it.
func (v values) open(text string, place []byte) (any, error) {
	if text == "" { // what is empty is not encrypted
		return "", nil
	}
	sealed, nonce, kind, err := parseValue(text)
	if err != nil {
		return nil, err
	}
	plain, err := v.gcm.Open(nil, nonce, sealed, place)
	if err != nil {
		return nil, errors.New("is not what was encrypted there with the data key")
	}
	value, err := typed(plain, kind)
	if err != nil {
		return nil, fmt.Errorf("is no %s", kind)
	}
	return value, nil
}

// parseValue returns the ciphertext with its tag, the nonce and the type.
func parseValue(text string) (sealed, nonce []byte, kind string, err error) {
	inner, begins := strings.CutPrefix(text, valuePrefix)
	inner, ends := strings.CutSuffix(inner, valueSuffix)
	data, inner, hasNonce := strings.Cut(inner, ",iv:")
	iv, inner, hasTag := strings.Cut(inner, ",tag:")
	tag, kind, hasType := strings.Cut(inner, ",type:")
	if !begins || !ends || !hasNonce || !hasTag || !hasType {
		return nil, nil, "", errors.New("is not encrypted, and has to be")
	}
	sealed, dataErr := base64.StdEncoding.DecodeString(data)
	nonce, nonceErr := base64.StdEncoding.DecodeString(iv)
	check, tagErr := base64.StdEncoding.DecodeString(tag)
	if dataErr != nil || nonceErr != nil || tagErr != nil || len(nonce) != nonceSize || len(check) != tagSize {
		return nil, nil, "", errors.New("is encrypted in a way that cannot be read")
	}
	return append(sealed, check...), nonce, kind, nil
}

// typed returns the value that a text stands for.
func typed(plain []byte, kind string) (any, error) {
	text := string(plain)
	switch kind {
	case "str", "bytes":
		return text, nil
	case "int":
		return strconv.Atoi(text)
	case "float":
		return strconv.ParseFloat(text, 64)
	case "bool":
		return strconv.ParseBool(text)
	case "time":
		var at time.Time
		err := at.UnmarshalText(plain)
		return at, err
	case "comment":
		return document.Comment{Text: text}, nil
	}
	return nil, errors.New("unknown type")
}

// authenticated returns the bytes of a value that count for the authentication code.
func authenticated(value any) ([]byte, error) {
	switch value := value.(type) {
	case string:
		return []byte(value), nil
	case int:
		return []byte(strconv.Itoa(value)), nil
	case float64:
		return []byte(strconv.FormatFloat(value, 'f', -1, 64)), nil
	case bool:
		if value {
			return []byte("True"), nil
		}
		return []byte("False"), nil
	case time.Time:
		return value.MarshalText()
	default:
		return nil, fmt.Errorf("is a %T", value)
	}
}
