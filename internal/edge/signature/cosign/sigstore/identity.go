package sigstore

import (
	"cmp"
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

// Where Fulcio writes whom a certificate names, and the issuer; the older one holds the
// bare text (https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md).
var (
	namesOID     = asn1.ObjectIdentifier{2, 5, 29, 17}
	usernameOID  = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 7}
	issuerOID    = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}
	oldIssuerOID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}
)

// maxName is how long a subject or an issuer may be.
const maxName = 1024

// identityOf returns whom a certificate names: one subject, by one issuer.
func identityOf(leaf *x509.Certificate) (of Identity, err error) {
	var old string
	for _, extension := range leaf.Extensions {
		switch {
		case extension.Id.Equal(namesOID):
			if of.Subject, err = subjectOf(extension.Value); err != nil {
				return Identity{}, err
			}
		case extension.Id.Equal(issuerOID):
			if rest, err := asn1.Unmarshal(extension.Value, &of.Issuer); err != nil || len(rest) > 0 {
				return Identity{}, errors.New("the issuer in its certificate cannot be read")
			}
		case extension.Id.Equal(oldIssuerOID):
			old = string(extension.Value)
		}
	}
	of.Issuer = cmp.Or(of.Issuer, old)
	if of.Subject == "" || of.Issuer == "" || len(of.Subject)+len(of.Issuer) > maxName {
		return Identity{}, fmt.Errorf("its certificate names no subject and issuer of at most %d bytes", maxName)
	}
	return of, nil
}

// The kinds of name in a certificate that are read, by their tags (RFC 5280, 4.2.1.6).
const (
	otherName = 0
	mail      = 1
	domain    = 2
	address   = 6
)

// subjectOf reads the one name that there is.
func subjectOf(extension []byte) (string, error) {
	var names []asn1.RawValue
	if rest, err := asn1.Unmarshal(extension, &names); err != nil || len(rest) > 0 || len(names) != 1 {
		return "", fmt.Errorf("its certificate names %d subjects, and not one", len(names))
	}
	name := names[0]
	switch {
	case name.Class != asn1.ClassContextSpecific:
	case name.Tag == mail || name.Tag == domain || name.Tag == address:
		return string(name.Bytes), nil
	case name.Tag == otherName:
		var user struct {
			ID   asn1.ObjectIdentifier
			Name string `asn1:"explicit,tag:0,utf8"`
		}
		if _, err := asn1.UnmarshalWithParams(name.FullBytes, &user, "tag:0"); err == nil && user.ID.Equal(usernameOID) {
			return user.Name, nil
		}
	}
	return "", errors.New("its certificate names a subject of a kind that is not read")
}
