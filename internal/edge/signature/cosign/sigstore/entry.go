package sigstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	checkpoint "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// Entry is an entry of a log of signatures, a Rekor, as a bundle has it. What it says is
// proved by nobody before it is verified.
type Entry struct {
	// Index is where the entry is among those of all shards of the log.
	Index Number `json:"logIndex"`
	Log   struct {
		ID []byte `json:"keyId"`
	} `json:"logId"`
	// Time is when the log took it, in seconds since 1970, and is worth something with a
	// Promise alone.
	Time Number `json:"integratedTime"`
	// Promise is what the log signed of the entry when it took it.
	Promise struct {
		Signature []byte `json:"signedEntryTimestamp"`
	} `json:"inclusionPromise"`
	// Proof is the way from the entry to a root of the log's tree that the log has signed.
	Proof *Proof `json:"inclusionProof"`
	// Body is the entry itself, in JSON.
	Body []byte `json:"canonicalizedBody"`
}

// Proof says that an entry is in a log.
type Proof struct {
	// Index is where it is in its shard.
	Index      Number   `json:"logIndex"`
	Root       []byte   `json:"rootHash"`
	Size       Number   `json:"treeSize"`
	Hashes     [][]byte `json:"hashes"`
	Checkpoint struct {
		Envelope string `json:"envelope"`
	} `json:"checkpoint"`
}

// Number is a number that stands in JSON as a text or as a number; 0 when it is missing.
type Number int64

// UnmarshalJSON reads a number that is not below 0.
func (n *Number) UnmarshalJSON(text []byte) error {
	read, err := strconv.ParseUint(strings.Trim(string(text), `"`), 10, 63)
	*n = Number(read) //nolint:gosec // it has 63 bits
	return err
}

// taken holds what a log says of an entry against its key: all of it has to be so. The
// time is when it took the entry, zero where it did not sign that.
func (l log) taken(e Entry) (at time.Time, err error) {
	if e.Proof == nil && len(e.Promise.Signature) == 0 {
		return at, errors.New("an entry of the log has neither a promise nor a proof that it is in it")
	}
	if e.Proof != nil {
		if err := l.includes(e.Body, *e.Proof); err != nil {
			return at, err
		}
	}
	if len(e.Promise.Signature) == 0 {
		return at, nil
	}
	// In canonical JSON, RFC 8785: keys in order, and numbers below 2^53 in digits.
	over := fmt.Appendf(nil, `{"body":"%s","integratedTime":%d,"logID":"%x","logIndex":%d}`,
		base64.StdEncoding.EncodeToString(e.Body), e.Time, e.Log.ID, e.Index)
	if e.Time == 0 || !verified(l.key, over, e.Promise.Signature) {
		return at, errors.New("what the log promised of an entry is not signed by it, or of another one")
	}
	return time.Unix(int64(e.Time), 0), nil
}

// includes holds a proof against a root that the log has signed.
func (l log) includes(body []byte, p Proof) error {
	signed, err := note.Open([]byte(p.Checkpoint.Envelope), l)
	if err != nil {
		return errors.New("the checkpoint of a proof is not signed by the log")
	}
	var root checkpoint.Checkpoint
	if _, err := root.Unmarshal([]byte(signed.Text)); err != nil {
		return fmt.Errorf("the checkpoint of a proof cannot be read: %w", err)
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(p.Index), root.Size, rfc6962.DefaultHasher.HashLeaf(body), p.Hashes, root.Hash); err != nil { //nolint:gosec // it is not below 0
		return errors.New("the proof that an entry is in the log does not hold")
	}
	return nil
}

// Verifier satisfies [note.Verifiers] by the log's key, under whatever name it signs.
func (l log) Verifier(name string, hash uint32) (note.Verifier, error) {
	if keyHash(l.key, name) != hash { // that of a witness, which signs besides
		return nil, &note.UnknownVerifierError{Name: name, KeyHash: hash}
	}
	return noteKey{name, hash, l}, nil
}

// entrySays is what an entry says was signed, and by whom.
type entrySays struct {
	signature, certificate []byte
	// digest is that of what was signed, or of what is in the envelope: both by SHA-256.
	digest, payload []byte
}

// isOf returns why an entry is not of a signature and the certificate that goes with it.
// Whoever has a certificate gets entries into a log: one is worth nothing that is of
// another signature (CVE-2022-36056, CVE-2026-22703).
func (e Entry) isOf(s Signature) error {
	says, err := e.read()
	if err != nil {
		return err
	}
	over, payload := sha256.Sum256(s.Over), sha256.Sum256(s.Payload)
	inEnvelope := s.Payload != nil && bytes.Equal(says.payload, payload[:])
	if !bytes.Equal(says.signature, s.Bytes) || !bytes.Equal(says.certificate, s.Certificate) ||
		!bytes.Equal(says.digest, over[:]) && !inEnvelope {
		return errors.New("an entry of the log is of another signature")
	}
	return nil
}

// read reads the kinds of entry that there are of signatures by certificates.
func (e Entry) read() (entrySays, error) {
	var body struct {
		Kind    string          `json:"kind"`
		Version string          `json:"apiVersion"`
		Spec    json.RawMessage `json:"spec"`
	}
	says, err := entrySays{}, json.Unmarshal(e.Body, &body)
	if err == nil {
		switch body.Kind + " " + body.Version {
		case "hashedrekord 0.0.1":
			says, err = readHashed(body.Spec)
		case "hashedrekord 0.0.2":
			says, err = readHashed2(body.Spec)
		case "dsse 0.0.1":
			says, err = readEnvelope(body.Spec)
		case "intoto 0.0.2":
			says, err = readStatement(body.Spec)
		default:
			return says, errors.New("an entry of the log is of a kind that is not read")
		}
	}
	if err != nil {
		return says, errors.New("an entry of the log cannot be read")
	}
	return says, nil
}

func readHashed(spec []byte) (entrySays, error) {
	var of struct {
		Signature struct {
			Content []byte `json:"content"`
			Key     struct {
				Content []byte `json:"content"`
			} `json:"publicKey"`
		} `json:"signature"`
		Data struct {
			Hash hashOf `json:"hash"`
		} `json:"data"`
	}
	err := json.Unmarshal(spec, &of)
	return entrySays{of.Signature.Content, fromPEM(of.Signature.Key.Content), of.Data.Hash.bytes(), nil}, err
}

// readHashed2 reads those of version 2 of Rekor.
func readHashed2(spec []byte) (entrySays, error) {
	var of struct {
		Hashed struct {
			Data struct {
				Algorithm string `json:"algorithm"`
				Digest    []byte `json:"digest"`
			} `json:"data"`
			Signature struct {
				Content  []byte `json:"content"`
				Verifier struct {
					Certificate rawCertificate `json:"x509Certificate"`
				} `json:"verifier"`
			} `json:"signature"`
		} `json:"hashedRekordV002"`
	}
	err := json.Unmarshal(spec, &of)
	if of.Hashed.Data.Algorithm != "SHA2_256" {
		of.Hashed.Data.Digest = nil
	}
	return entrySays{of.Hashed.Signature.Content, of.Hashed.Signature.Verifier.Certificate.Raw, of.Hashed.Data.Digest, nil}, err
}

func readEnvelope(spec []byte) (entrySays, error) {
	var of struct {
		Hash       hashOf `json:"payloadHash"`
		Signatures []struct {
			Signature []byte `json:"signature"`
			Verifier  []byte `json:"verifier"`
		} `json:"signatures"`
	}
	if err := json.Unmarshal(spec, &of); err != nil || len(of.Signatures) != 1 {
		return entrySays{}, errors.New("it has not one signature")
	}
	return entrySays{of.Signatures[0].Signature, fromPEM(of.Signatures[0].Verifier), nil, of.Hash.bytes()}, nil
}

// readStatement reads those that are older, in which a signature is in base64 twice.
func readStatement(spec []byte) (entrySays, error) {
	var of struct {
		Content struct {
			Hash     hashOf `json:"payloadHash"`
			Envelope struct {
				Signatures []struct {
					Key       []byte `json:"publicKey"`
					Signature []byte `json:"sig"`
				} `json:"signatures"`
			} `json:"envelope"`
		} `json:"content"`
	}
	if err := json.Unmarshal(spec, &of); err != nil || len(of.Content.Envelope.Signatures) != 1 {
		return entrySays{}, errors.New("it has not one signature")
	}
	one := of.Content.Envelope.Signatures[0]
	signature, err := base64.StdEncoding.DecodeString(string(one.Signature))
	return entrySays{signature, fromPEM(one.Key), nil, of.Content.Hash.bytes()}, err
}

// hashOf is a digest in an entry.
type hashOf struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"value"`
}

// bytes are those of a digest by SHA-256, nil of another one.
func (h hashOf) bytes() []byte {
	value, err := hex.DecodeString(h.Value)
	if err != nil || h.Algorithm != "sha256" {
		return nil
	}
	return value
}

// fromPEM returns what the first block of a text holds, nil when there is none.
func fromPEM(text []byte) []byte {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil
	}
	return block.Bytes
}
