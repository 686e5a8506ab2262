package sigstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Bundle is a signed envelope with what says by whom it is.
type Bundle struct {
	// PayloadType is the media type of the Payload.
	PayloadType string
	// Signature is that of the envelope, without a Certificate when it is by a key.
	Signature
}

// ReadBundle reads a bundle of Sigstore, of whatever version, whose envelope has one
// signature. It verifies nothing.
func ReadBundle(text []byte) (Bundle, error) {
	var file struct {
		MediaType string `json:"mediaType"`
		Material  struct {
			Certificate rawCertificate `json:"certificate"`
			Chain       struct {
				Certificates []rawCertificate `json:"certificates"`
			} `json:"x509CertificateChain"`
			Entries []Entry `json:"tlogEntries"`
			Stamps  struct {
				Signed []struct {
					Stamp []byte `json:"signedTimestamp"`
				} `json:"rfc3161Timestamps"`
			} `json:"timestampVerificationData"`
		} `json:"verificationMaterial"`
		Envelope *struct {
			Payload     []byte `json:"payload"`
			PayloadType string `json:"payloadType"`
			Signatures  []struct {
				Bytes []byte `json:"sig"`
			} `json:"signatures"`
		} `json:"dsseEnvelope"`
	}
	if json.Unmarshal(text, &file) != nil || !strings.HasPrefix(file.MediaType, "application/vnd.dev.sigstore.bundle") {
		return Bundle{}, errors.New("a bundle cannot be read")
	}
	envelope := file.Envelope
	if envelope == nil || len(envelope.Payload) == 0 || len(envelope.Signatures) != 1 {
		return Bundle{}, errors.New("a bundle has no statement with one signature")
	}
	over := fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(envelope.PayloadType), envelope.PayloadType, len(envelope.Payload))
	bundle := Bundle{envelope.PayloadType, Signature{
		Bytes: envelope.Signatures[0].Bytes, Over: append(over, envelope.Payload...), Payload: envelope.Payload,
		Certificate: file.Material.Certificate.Raw, Entries: file.Material.Entries,
	}}
	if chain := file.Material.Chain.Certificates; len(bundle.Certificate) == 0 && len(chain) > 0 {
		bundle.Certificate = chain[0].Raw
	}
	for _, one := range file.Material.Stamps.Signed {
		bundle.Stamps = append(bundle.Stamps, one.Stamp)
	}
	return bundle, nil
}
