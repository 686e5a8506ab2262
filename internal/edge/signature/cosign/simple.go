package cosign

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"

	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/edge/signature/cosign/sigstore"
)

// readSimple reads a signature of the older form, and what lies with it, each in a JSON of
// its own.
func readSimple(beside signing.Beside) (sigstore.Signature, error) {
	signature := sigstore.Signature{Over: beside.Payload}
	var err error
	if signature.Bytes, err = base64.StdEncoding.DecodeString(beside.Signature); err != nil {
		return signature, errors.New("a signature is not in base64")
	}
	if block, _ := pem.Decode([]byte(beside.Certificate)); block != nil && block.Type == "CERTIFICATE" {
		signature.Certificate = block.Bytes
	}
	if beside.Entry != "" {
		entry, err := readEntry(beside.Entry)
		if err != nil {
			return signature, errors.New("what a log says of a signature cannot be read")
		}
		signature.Entries = append(signature.Entries, entry)
	}
	if beside.Stamp != "" {
		var stamp struct{ SignedRFC3161Timestamp []byte }
		if json.Unmarshal([]byte(beside.Stamp), &stamp) != nil {
			return signature, errors.New("the time stamp of a signature cannot be read")
		}
		signature.Stamps = append(signature.Stamps, stamp.SignedRFC3161Timestamp)
	}
	return signature, nil
}

// readEntry reads the entry of a log with the log's promise, and without a proof.
func readEntry(text string) (sigstore.Entry, error) {
	var file struct {
		SignedEntryTimestamp []byte
		Payload              struct {
			Body  []byte          `json:"body"`
			Time  sigstore.Number `json:"integratedTime"`
			Index sigstore.Number `json:"logIndex"`
			ID    string          `json:"logID"` //nolint:tagliatelle // Rekor writes it so
		}
	}
	if err := json.Unmarshal([]byte(text), &file); err != nil {
		return sigstore.Entry{}, err
	}
	entry := sigstore.Entry{Body: file.Payload.Body, Time: file.Payload.Time, Index: file.Payload.Index}
	entry.Promise.Signature = file.SignedEntryTimestamp
	var err error
	entry.Log.ID, err = hex.DecodeString(file.Payload.ID)
	return entry, err
}
