package sigstore

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
)

// Identity is whom a certificate names: Subject, as Issuer vouched when it was asked.
type Identity struct {
	// Issuer is the address of an OpenID provider.
	Issuer string
	// Subject is a mail address, the address of a workflow, or what else the provider
	// knows its users by.
	Subject string
}

// String is how an identity is shown.
func (i Identity) String() string { return fmt.Sprintf("%q of issuer %q", i.Subject, i.Issuer) }

// Where Fulcio writes the issuer; the older one holds the bare text
// (https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md).
var (
	issuerOID    = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}
	oldIssuerOID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}
)

// maxName is how long a subject or an issuer may be.
const maxName = 1024

// identityOf returns whom a certificate names: one subject, by one issuer.
func identityOf(leaf *x509.Certificate) (Identity, error) {
	var names []string
	names = append(names, leaf.EmailAddresses...)
	names = append(names, leaf.DNSNames...)
	for _, address := range leaf.URIs {
		names = append(names, address.String())
	}
	for _, address := range leaf.IPAddresses {
		names = append(names, address.String())
	}
	if len(names) != 1 || names[0] == "" || len(names[0]) > maxName {
		return Identity{}, fmt.Errorf("its certificate names %d subjects, and not one of at most %d bytes", len(names), maxName)
	}
	of, newer := Identity{Subject: names[0]}, false
	for _, extension := range leaf.Extensions {
		switch {
		case extension.Id.Equal(issuerOID):
			if rest, err := asn1.Unmarshal(extension.Value, &of.Issuer); err != nil || len(rest) > 0 {
				return Identity{}, errors.New("the issuer in its certificate cannot be read")
			}
			newer = true
		case extension.Id.Equal(oldIssuerOID) && !newer:
			of.Issuer = string(extension.Value)
		}
	}
	if of.Issuer == "" || len(of.Issuer) > maxName {
		return Identity{}, fmt.Errorf("its certificate names no issuer of at most %d bytes", maxName)
	}
	return of, nil
}
