// Package repository translates Argo CD's repository Secrets into how
// repositories are reached. It connects to nothing.
package repository

import (
	"encoding/base64"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// The label that marks a Secret, and the values that concern repositories: one
// repository, and a template for all whose URL begins with its own.
const (
	Label          = "argocd.argoproj.io/secret-type"
	TypeRepository = "repository"
	TypeTemplate   = "repo-creds"
)

// Selector selects the Secrets that concern repositories.
const Selector = Label + " in (" + TypeRepository + "," + TypeTemplate + ")"

// PassTo is an annotation of a Secret, which Argo CD does not know: the hosts, parted by
// commas, to which its credentials may be sent besides the server of its URL.
const PassTo = "syncline.io/pass-credentials-to"

func hasCredentials(r upstream.Repository) bool {
	if r.Address.Scheme() == "ssh" {
		return r.SSHKey != ""
	}
	return r.Username != "" || r.Password != "" || r.BearerToken != "" || len(r.ClientCert) > 0 || r.Exchange != upstream.Exchange{}
}

// merged is how own says that a repository is reached, with the credentials of
// the template, and with its proxy where own names none.
func merged(own, template upstream.Repository) upstream.Repository {
	own.Unsupported, own.Where = template.Unsupported, template.Where
	own.Username, own.Password, own.BearerToken = template.Username, template.Password, template.BearerToken
	own.SSHKey, own.Exchange = template.SSHKey, template.Exchange
	own.ClientCert, own.ClientKey = template.ClientCert, template.ClientKey
	own.PassTo = template.PassTo
	own.ForceBasicAuth = own.ForceBasicAuth || template.ForceBasicAuth
	own.InsecureSkipVerify = own.InsecureSkipVerify || template.InsecureSkipVerify
	own.PlainHTTP = own.PlainHTTP || template.PlainHTTP
	if own.Proxy == "" {
		own.Proxy, own.NoProxy = template.Proxy, template.NoProxy
	}
	return own
}

// at is the repository under the address that was asked for.
func at(r upstream.Repository, address upstream.Address) upstream.Repository {
	r.Address, r.Declared = address, true
	return r
}

// read translates a Secret in the format of Argo CD's repository Secrets.
func read(u *unstructured.Unstructured) entry {
	field := func(name string) string {
		encoded, _, _ := unstructured.NestedString(u.Object, "data", name)
		text, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return ""
		}
		return strings.TrimRight(string(text), "\n")
	}
	e := entry{
		name:     u.GetNamespace() + "/" + u.GetName(),
		template: u.GetLabels()[Label] == TypeTemplate,
		project:  field("project"),
		repository: upstream.Repository{
			Address:            addressOf(field),
			Where:              "Secret " + u.GetNamespace() + "/" + u.GetName(),
			Username:           field("username"),
			Password:           sealed.Text(field("password")),
			BearerToken:        sealed.Text(field("bearerToken")),
			ForceBasicAuth:     field("forceHttpBasicAuth") == "true",
			SSHKey:             sealed.Text(field("sshPrivateKey")),
			InsecureSkipVerify: field("insecure") == "true" || field("insecureIgnoreHostKey") == "true",
			PlainHTTP:          field("insecureOCIForceHttp") == "true",
			ClientCert:         []byte(field("tlsClientCertData")),
			ClientKey:          sealed.Text(field("tlsClientCertKey")),
			PassTo:             strings.FieldsFunc(u.GetAnnotations()[PassTo], func(r rune) bool { return r == ',' || r == ' ' }),
			Proxy:              field("proxy"),
			NoProxy:            field("noProxy"),
			LFS:                field("enableLfs") == "true",
		},
	}
	if r := &e.repository; r.Username == "" && r.Password == "" && r.BearerToken == "" {
		r.Exchange = exchangeOf(field)
	}
	if !hasCredentials(e.repository) {
		e.repository.Unsupported = unsupported(field)
	}
	return e
}

// addressOf returns where the repository of a Secret is, read as what its type says that
// it is. One in an OCI registry may be written without a scheme: of type oci, or of charts.
func addressOf(field func(string) string) upstream.Address {
	text := field("url")
	if kind := field("type"); kind == "helm" || kind == "oci" || field("enableOCI") == "true" {
		return upstream.ChartsAddress(text)
	}
	return upstream.AddressOf(text)
}

// exchangeOf returns how a token is had for the repository of a Secret, which is the
// first kind of which all is there that it needs.
func exchangeOf(field func(string) string) upstream.Exchange {
	app := upstream.GitHubApp{
		ID: field("githubAppID"), Installation: field("githubAppInstallationID"),
		Key: sealed.Text(field("githubAppPrivateKey")), API: field("githubAppEnterpriseBaseUrl"),
	}
	principal := upstream.AzureIdentity{
		Client: field("azureServicePrincipalClientId"), Tenant: field("azureServicePrincipalTenantId"),
		Secret: sealed.Text(field("azureServicePrincipalClientSecret")), Authority: field("azureActiveDirectoryEndpoint"),
	}
	switch google := field("gcpServiceAccountKey"); {
	case app.ID != "" && app.Key != "":
		return upstream.Exchange{GitHub: app}
	case google != "":
		return upstream.Exchange{Google: sealed.Text(google)}
	case field("useAzureWorkloadIdentity") == "true":
		return upstream.Exchange{Azure: upstream.AzureIdentity{Workload: true}}
	case principal.Client != "" && principal.Tenant != "" && principal.Secret != "":
		return upstream.Exchange{Azure: principal}
	}
	return upstream.Exchange{}
}

// unsupported returns the first field of a Secret with credentials that cannot be
// used, because they are for ssh or lack another field, or "".
func unsupported(field func(string) string) string {
	for _, name := range []string{
		"sshPrivateKey", "githubAppPrivateKey", "githubAppID",
		"azureServicePrincipalClientId", "azureServicePrincipalClientSecret", "azureServicePrincipalTenantId",
	} {
		if field(name) != "" {
			return name
		}
	}
	return ""
}
