package oci

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// How cosign keeps signatures: until version 2 as layers of an artifact whose tag is made
// of the digest that they are of, since version 3 as artifacts that refer to it.
const (
	simpleLayer  = "application/vnd.dev.cosign.simplesigning.v1+json"
	simpleIn     = "dev.cosignproject.cosign/signature"
	certificate  = "dev.sigstore.cosign/certificate"
	entry        = "dev.sigstore.cosign/bundle"
	stamp        = "dev.sigstore.cosign/rfc3161timestamp"
	bundleType   = "application/vnd.dev.sigstore.bundle.v0.3+json"
	bundleHas    = "dev.sigstore.bundle.content"
	bundleSays   = "dev.sigstore.bundle.predicateType"
	signedType   = "https://sigstore.dev/cosign/sign/v1"
	maxSigned    = 50
	maxSignature = 1 << 20
)

// Signatures returns what lies beside an artifact and may be a signature of it, in both
// forms that cosign has. Nothing of it is verified. It is an Invalid error when there is
// more than is read.
func (s *Store) Signatures(ctx context.Context, repo upstream.Repository, digest string) ([]signing.Beside, error) {
	p, err := s.place(repo)
	if err != nil {
		return nil, err
	}
	if err := checkDigest(digest); err != nil {
		return nil, p.explain(err)
	}
	found, err := p.taggedSignatures(ctx, digest)
	if err != nil {
		return nil, p.explain(about(digest, err))
	}
	referring, err := s.Referrers(ctx, repo, digest, "")
	if err != nil {
		return nil, err
	}
	for _, one := range referring {
		if !signs(one) {
			continue
		}
		if len(found) == maxSigned {
			return nil, p.explain(tooManySigned(digest))
		}
		bundle, err := p.bundle(ctx, one.Digest)
		if err != nil {
			return nil, p.explain(about(one.Digest, err))
		}
		found = append(found, signing.Beside{Bundle: bundle})
	}
	return found, nil
}

// signs reports whether an artifact says that it is a bundle, and not one of an attestation.
// Some registries tell the type of its configuration instead of its own.
func signs(one Referrer) bool {
	says := one.Annotations[bundleSays]
	return (one.ArtifactType == bundleType || one.Annotations[bundleHas] != "") && (says == "" || says == signedType)
}

func tooManySigned(digest string) error {
	return syncline.Errorf(syncline.Invalid, "artifact %s has more than the %d signatures that are read", digest, maxSigned)
}

// taggedSignatures reads the layers of what is tagged as the signatures of a digest.
func (p *place) taggedSignatures(ctx context.Context, digest string) ([]signing.Beside, error) {
	tag := strings.Replace(digest, ":", "-", 1) + ".sig"
	answer, err := p.get(ctx, p.url("manifests", tag), manifestHead(), p.options.MaxManifest)
	if errors.Is(err, errNoSuch) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m struct {
		Layers []struct {
			descriptor
			Annotations map[string]string `json:"annotations"`
		} `json:"layers"`
	}
	if json.Unmarshal(answer.body, &m) != nil {
		return nil, syncline.Errorf(syncline.Invalid, "what is tagged %s cannot be read", tag)
	}
	if len(m.Layers) > maxSigned {
		return nil, tooManySigned(digest)
	}
	var found []signing.Beside
	for _, layer := range m.Layers {
		if layer.MediaType != simpleLayer || layer.Annotations[simpleIn] == "" {
			continue
		}
		if err := checkDigest(layer.Digest); err != nil {
			return nil, err
		}
		payload, err := p.content(ctx, "blobs", layer.Digest, maxSignature)
		if err != nil {
			return nil, err
		}
		found = append(found, signing.Beside{
			Payload: payload, Signature: layer.Annotations[simpleIn],
			Certificate: layer.Annotations[certificate], Entry: layer.Annotations[entry], Stamp: layer.Annotations[stamp],
		})
	}
	return found, nil
}

// bundle reads the one layer of an artifact that is a bundle.
func (p *place) bundle(ctx context.Context, digest string) ([]byte, error) {
	m, err := p.manifest(ctx, digest)
	if err != nil {
		return nil, err
	}
	if len(m.Layers) != 1 || m.Layers[0].MediaType != bundleType {
		return nil, syncline.Errorf(syncline.Invalid, "it is no bundle with one layer")
	}
	if err := checkDigest(m.Layers[0].Digest); err != nil {
		return nil, err
	}
	return p.content(ctx, "blobs", m.Layers[0].Digest, maxSignature)
}
