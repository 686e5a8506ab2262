package sigstoretest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
)

// Log is a log of signatures, as version 1 of Rekor is with a key of ECDSA, and as version
// 2 is with one of Ed25519.
type Log struct {
	t    testing.TB
	name string
	key  crypto.Signer
}

// id is the ID of the log, the first four bytes of which stand in its notes.
func (l *Log) id() []byte {
	if key, ok := l.key.Public().(ed25519.PublicKey); ok {
		sum := sha256.Sum256(append([]byte(l.name+"\n\x01"), key...))
		return sum[:]
	}
	der, err := x509.MarshalPKIXPublicKey(l.key.Public())
	must(l.t, err)
	sum := sha256.Sum256(der)
	return sum[:]
}

// Entry is an entry of a log, with the names that a bundle has for its fields.
type Entry map[string]any

// take puts a body among others into a log, at a time, and says that it is there.
func (l *Log) take(kind, version string, body []byte, at time.Time) Entry {
	tree := testonly.New(rfc6962.DefaultHasher)
	for i := range 5 {
		tree.AppendData(fmt.Appendf(nil, "%s %d %s", l.name, i, at))
	}
	tree.AppendData(body)
	tree.AppendData([]byte("later"))
	hashes, err := tree.InclusionProof(5, tree.Size())
	must(l.t, err)
	origin := l.name
	if _, second := l.key.(ed25519.PrivateKey); !second {
		origin += " - 1234567890"
	}
	note := fmt.Sprintf("%s\n%d\n%s\n", origin, tree.Size(), base64.StdEncoding.EncodeToString(tree.Hash()))
	signed := append(l.id()[:4:4], sign(l.t, l.key, []byte(note))...)
	entry := Entry{
		"logIndex": "5", "logId": map[string]any{"keyId": l.id()}, "kindVersion": map[string]any{"kind": kind, "version": version},
		"canonicalizedBody": body,
		"inclusionProof": map[string]any{
			"logIndex": "5", "rootHash": tree.Hash(), "treeSize": "7", "hashes": hashes,
			"checkpoint": map[string]any{"envelope": fmt.Sprintf("%s\n\u2014 %s %s\n", note, l.name, base64.StdEncoding.EncodeToString(signed))},
		},
	}
	if origin == l.name {
		return entry
	}
	entry["integratedTime"] = fmt.Sprint(at.Unix())
	entry["inclusionPromise"] = map[string]any{"signedEntryTimestamp": l.Promise(body, at)}
	return entry
}

// Promise is what a log signs of a body that it took at a time.
func (l *Log) Promise(body []byte, at time.Time) []byte {
	return sign(l.t, l.key, fmt.Appendf(nil, `{"body":%q,"integratedTime":%d,"logID":"%x","logIndex":5}`,
		base64.StdEncoding.EncodeToString(body), at.Unix(), l.id()))
}
