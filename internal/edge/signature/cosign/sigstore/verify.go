package sigstore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/tls"
	ctx509 "github.com/google/certificate-transparency-go/x509"
	"github.com/sigstore/timestamp-authority/v2/pkg/verification"
)

// Signature is a signature with what says by whom it is and since when.
type Signature struct {
	// Bytes are the signature, and Over is what it is over.
	Bytes, Over []byte
	// Payload is what the envelope holds that was signed; nil when it was no envelope.
	Payload []byte
	// Certificate is that of the key that signed, in DER.
	Certificate []byte
	// Entries are those of logs, and Stamps are answers of timestamp authorities.
	Entries []Entry
	Stamps  [][]byte
}

// The bounds of what comes with a signature. There is one of each as a rule.
const (
	maxEntries = 8
	maxStamps  = 8
)

// Verify returns whom the certificate of a signature names, when the root vouches for
// all of this: a log has the signature, where the root has logs; a log or a timestamp
// authority says when it was made; an authority had issued the certificate, which was
// valid then; a log of certificates has that, where the root has such logs; and the
// signature is by the certificate's key. Today's date does not matter.
func (r *Root) Verify(s Signature) (Identity, error) {
	leaf, err := x509.ParseCertificate(s.Certificate)
	if err != nil {
		return Identity{}, errors.New("its certificate cannot be read")
	}
	of, err := identityOf(leaf)
	if err != nil {
		return Identity{}, err
	}
	// The name of a user is of a kind that crypto/x509 does not know, and would refuse.
	leaf.UnhandledCriticalExtensions = slices.DeleteFunc(leaf.UnhandledCriticalExtensions, namesOID.Equal)
	if len(s.Entries) > maxEntries || len(s.Stamps) > maxStamps {
		return Identity{}, fmt.Errorf("it comes with more than %d entries of logs or %d time stamps", maxEntries, maxStamps)
	}
	by, logged, err := r.logged(s)
	if err != nil {
		return Identity{}, err
	}
	stamped, err := r.stamped(s)
	times := append(logged, stamped...)
	if len(times) == 0 {
		return Identity{}, errors.Join(errors.New("nothing that the trusted root knows says when it was signed"), err)
	}
	for _, at := range times {
		if err := r.vouches(leaf, by, at); err != nil {
			return Identity{}, err
		}
	}
	if !verified(leaf.PublicKey, s.Over, s.Bytes) {
		return Identity{}, errors.New("it is not by the key of its certificate, or not over this")
	}
	return of, nil
}

// vouches returns why a certificate, or the logs that have what it signed, did not count at
// a time, or nil.
func (r *Root) vouches(leaf *x509.Certificate, by []log, at time.Time) error {
	for _, log := range by {
		if !log.has(at) {
			return errors.New("the key of the log was not valid when it was signed")
		}
	}
	issuer, err := r.issuer(leaf, at)
	if err != nil {
		return err
	}
	return r.published(leaf, issuer)
}

// logged returns which logs that are trusted have a signature, and when they say that they
// took it. Entries of other logs are passed over.
func (r *Root) logged(s Signature) (by []log, times []time.Time, err error) {
	for _, entry := range s.Entries {
		log, known := r.logs[string(entry.Log.ID)]
		if !known {
			continue
		}
		at, err := log.taken(entry)
		if err == nil {
			err = entry.isOf(s)
		}
		if err != nil {
			return nil, nil, err
		}
		if by = append(by, log); !at.IsZero() {
			times = append(times, at)
		}
	}
	if len(by) == 0 && len(r.logs) > 0 {
		return nil, nil, errors.New("no log that the trusted root knows has it")
	}
	return by, times, nil
}

// stamped returns when timestamp authorities that are trusted saw a signature. Of those
// stamps that count for nothing the error says why.
func (r *Root) stamped(s Signature) (times []time.Time, err error) {
	var errs []error
	for _, stamp := range s.Stamps {
		for _, by := range r.stampers {
			read, err := verification.VerifyTimestampResponse(stamp, bytes.NewReader(s.Bytes), verification.VerifyOpts{
				Roots: []*x509.Certificate{by.root}, Intermediates: by.between, TSACertificate: by.leaf,
			})
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("a time stamp is not good: %w", err))
			case !by.has(read.Time):
				errs = append(errs, errors.New("a time stamp is from when its authority was not trusted"))
			default:
				times = append(times, read.Time)
			}
		}
	}
	return times, errors.Join(errs...)
}

// issuer returns the certificate that issued one, which was valid at a time, as all above
// it were.
func (r *Root) issuer(leaf *x509.Certificate, at time.Time) (*x509.Certificate, error) {
	err := errors.New("no authority of the trusted root was trusted when it was signed")
	for _, authority := range r.issuers {
		if !authority.has(at) {
			continue
		}
		roots, between := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(authority.root)
		for _, certificate := range authority.between {
			between.AddCert(certificate)
		}
		chains, failed := leaf.Verify(x509.VerifyOptions{
			CurrentTime: at, Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		})
		if failed == nil && len(chains[0]) > 1 {
			return chains[0][1], nil
		}
		if failed != nil {
			err = fmt.Errorf("its certificate was not valid when it was signed, at %s: %w", at.UTC().Format(time.RFC3339), failed)
		}
	}
	return nil, err
}

// published returns why no log of certificates has one, or nil.
func (r *Root) published(leaf, issuer *x509.Certificate) error {
	if len(r.certificateLogs) == 0 {
		return nil
	}
	chain, err := ctx509.ParseCertificates(append(bytes.Clone(leaf.Raw), issuer.Raw...))
	if err != nil && ctx509.IsFatal(err) || len(chain) != 2 {
		return errors.New("its certificate cannot be read as the logs of certificates do")
	}
	for _, raw := range chain[0].SCTList.SCTList {
		var stamp ct.SignedCertificateTimestamp
		if rest, err := tls.Unmarshal(raw.Val, &stamp); err != nil || len(rest) > 0 {
			continue
		}
		if log, known := r.certificateLogs[string(stamp.LogID.KeyID[:])]; known && log.stamped(stamp, chain) {
			return nil
		}
	}
	return errors.New("no log of certificates that the trusted root knows has its certificate")
}

// stamped reports whether a stamp in the certificate that begins a chain is by the log of
// certificates, from when its key counted.
func (l log) stamped(stamp ct.SignedCertificateTimestamp, chain []*ctx509.Certificate) bool {
	verifier, err := ct.NewSignatureVerifier(l.key)
	if err != nil || !l.has(ct.TimestampToTime(stamp.Timestamp)) {
		return false
	}
	entry, err := ct.MerkleTreeLeafForEmbeddedSCT(chain, stamp.Timestamp)
	return err == nil && verifier.VerifySCTSignature(stamp, ct.LogEntry{Leaf: *entry}) == nil
}

// verified reports whether a signature is by a key, over the SHA-256 of something.
func verified(key crypto.PublicKey, over, signature []byte) bool {
	sum := sha256.Sum256(over)
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, sum[:], signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, over, signature)
	}
	return false
}

// noteKey satisfies [note.Verifier].
type noteKey struct {
	name string
	hash uint32
	log
}

func (k noteKey) Name() string                       { return k.name }
func (k noteKey) KeyHash() uint32                    { return k.hash }
func (k noteKey) Verify(text, signature []byte) bool { return verified(k.key, text, signature) }

// keyHash returns by which number notes name a key: of Ed25519 it depends on the name under
// which the key signs (https://c2sp.org/signed-note).
func keyHash(key crypto.PublicKey, name string) uint32 {
	if key, ok := key.(ed25519.PublicKey); ok {
		sum := sha256.Sum256(append([]byte(name+"\n\x01"), key...))
		return binary.BigEndian.Uint32(sum[:])
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return 0
	}
	sum := sha256.Sum256(der)
	return binary.BigEndian.Uint32(sum[:])
}
