// Package sigstore verifies who signed something without a key of one's own, and when:
// certificates of a Fulcio, entries of a Rekor and time stamps, by a trusted root that is
// at hand. It asks no server, so nothing newer than the root is trusted, and it does not
// judge who may sign what.
//
// The library sigstore-go does the same. It is not used: it would add 240 packages and
// 12 MB to the program, and more memory to every agent than is allowed for what is not
// in use. What is delicate is left to the libraries that it rests on: certificate logs
// to certificate-transparency-go, trees of hashes to transparency-dev's merkle, signed
// notes to sumdb's note, and time stamps to timestamp-authority. Tests hold the two
// against each other.
package sigstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Root is what is trusted of a Sigstore. It is safe for concurrent use.
type Root struct {
	issuers, stampers     []authority
	logs, certificateLogs map[string]log
}

// authority is a chain of certificates up to one that is trusted, in a period.
type authority struct {
	root *x509.Certificate
	// between are those below it, and leaf is what signs, where the chain says so.
	between []*x509.Certificate
	leaf    *x509.Certificate
	period
}

// log is the key of a log, in a period.
type log struct {
	key crypto.PublicKey
	period
}

// period is a time that has a start, or none, and an end, or none.
type period struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// has reports whether the period has a moment.
func (p period) has(moment time.Time) bool {
	return (p.Start.IsZero() || !moment.Before(p.Start)) && (p.End.IsZero() || !moment.After(p.End))
}

//go:embed public-good.json
var publicGood []byte

// PublicGood returns the root of the instance that everybody may use, sigstore.dev, as it
// was when this program was made: the one that version 14 of the targets of
// https://github.com/sigstore/root-signing names.
func PublicGood() (*Root, error) { return ReadRoot(publicGood) }

// maxTrusted is how many of each kind a root may have.
const maxTrusted = 100

// ReadRoot reads a trusted_root.json, as cosign trusted-root create writes it.
func ReadRoot(text []byte) (*Root, error) {
	var file struct {
		MediaType   string          `json:"mediaType"`
		Logs        []logOfFile     `json:"tlogs"`
		Issuers     []authorityFile `json:"certificateAuthorities"`
		Certificate []logOfFile     `json:"ctlogs"`
		Stampers    []authorityFile `json:"timestampAuthorities"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("it is no trusted_root.json: %w", err)
	}
	if !strings.HasPrefix(file.MediaType, "application/vnd.dev.sigstore.trustedroot") {
		return nil, fmt.Errorf("it is no trusted_root.json: its mediaType is %q", file.MediaType)
	}
	var r Root
	var errs [4]error
	r.logs, errs[0] = readLogs("tlogs", file.Logs)
	r.certificateLogs, errs[1] = readLogs("ctlogs", file.Certificate)
	r.issuers, errs[2] = readAuthorities("certificateAuthorities", file.Issuers)
	r.stampers, errs[3] = readAuthorities("timestampAuthorities", file.Stampers)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if len(r.issuers) == 0 || len(r.logs)+len(r.stampers) == 0 {
		return nil, errors.New("it has no certificate authority, or nothing that says when something was signed: neither a log nor a timestamp authority")
	}
	return &r, nil
}

// logOfFile is a log in a trusted_root.json.
type logOfFile struct {
	Hash string `json:"hashAlgorithm"`
	Key  struct {
		Raw    []byte  `json:"rawBytes"`
		Period *period `json:"validFor"`
	} `json:"publicKey"`
	ID struct {
		Key []byte `json:"keyId"`
	} `json:"logId"`
}

// readLogs reads the logs of a field, by their IDs.
func readLogs(field string, files []logOfFile) (map[string]log, error) {
	if len(files) > maxTrusted {
		return nil, fmt.Errorf("%s has more than %d logs", field, maxTrusted)
	}
	logs := map[string]log{}
	for i, file := range files {
		key, err := x509.ParsePKIXPublicKey(file.Key.Raw)
		if err != nil {
			return nil, fmt.Errorf("%s[%d].publicKey is none: %w", field, i, err)
		}
		switch key.(type) {
		case *ecdsa.PublicKey, *rsa.PublicKey, ed25519.PublicKey:
		default:
			return nil, fmt.Errorf("%s[%d].publicKey is of a kind that is not read", field, i)
		}
		id := string(file.ID.Key)
		if _, twice := logs[id]; twice || id == "" {
			return nil, fmt.Errorf("%s[%d].logId.keyId is missing, or that of another log", field, i)
		}
		if file.Hash != "SHA2_256" || file.Key.Period == nil || file.Key.Period.Start.IsZero() {
			return nil, fmt.Errorf("%s[%d] is not a log by SHA2_256 whose key has a validFor.start", field, i)
		}
		logs[id] = log{key, *file.Key.Period}
	}
	return logs, nil
}

// authorityFile is an authority in a trusted_root.json, whose last certificate is the root.
type authorityFile struct {
	Chain struct {
		Certificates []rawCertificate `json:"certificates"`
	} `json:"certChain"`
	Period period `json:"validFor"`
}

type rawCertificate struct {
	Raw []byte `json:"rawBytes"`
}

func readAuthorities(field string, files []authorityFile) ([]authority, error) {
	if len(files) > maxTrusted {
		return nil, fmt.Errorf("%s has more than %d authorities", field, maxTrusted)
	}
	var authorities []authority
	for i, file := range files {
		a := authority{period: file.Period}
		for j, raw := range file.Chain.Certificates {
			certificate, err := x509.ParseCertificate(raw.Raw)
			switch last := len(file.Chain.Certificates) - 1; {
			case err != nil:
				return nil, fmt.Errorf("%s[%d].certChain.certificates[%d] is none: %w", field, i, j, err)
			case j == last:
				a.root = certificate
			case j == 0 && !certificate.IsCA:
				a.leaf = certificate
			default:
				a.between = append(a.between, certificate)
			}
		}
		if a.root == nil {
			return nil, fmt.Errorf("%s[%d].certChain.certificates is empty", field, i)
		}
		authorities = append(authorities, a)
	}
	return authorities, nil
}
