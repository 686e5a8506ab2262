package sops

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/edge/exchange"
	"github.com/syncline-io/syncline/internal/edge/sops/kms"
)

// The entries of a Secret that are read, which are those of Flux's, and a few besides.
const (
	ageSuffix        = ".agekey"     // age identities, or an SSH private key
	pgpSuffix        = ".asc"        // an armored PGP private key
	passphraseSuffix = ".passphrase" // of the PGP key of the same name
	vaultToken       = "sops.vault-token"
	vaultAddress     = "sops.vault-address" // without which no token is sent anywhere
	vaultNamespace   = "sops.vault-namespace"
	vaultAuthority   = "sops.vault-ca" // PEM, trusted besides those of the system
	awsCredentials   = "sops.aws-kms"  // YAML: aws_access_key_id, aws_secret_access_key, aws_session_token, or workload and role
	gcpAccount       = "sops.gcp-kms"  // JSON of a service account's key, or workload
	azureCredentials = "sops.azure-kv" // YAML: tenantId, clientId, clientSecret or clientAssertion, authority; or workload
)

// ReadKeys reads the keys of an owner, a project, from the data of a Secret. Entries
// that it does not know are none of its business, but one has to be known. An error
// names the entry, and shows nothing of it.
func ReadKeys(client *kms.Client, owner string, data map[string]sealed.Text) (Keys, error) {
	r := keyReader{client: client, data: data, services: map[Kind]Service{}}
	for _, read := range []func() error{r.inProcess, r.vault, r.aws, r.gcp, r.azure} {
		if err := read(); err != nil {
			return Keys{}, err
		}
	}
	if len(r.services) == 0 {
		return Keys{}, syncline.WithHint(syncline.Errorf(syncline.Invalid, "the Secret has no key of sops"),
			"name its entries NAME.agekey, NAME.asc, sops.vault-token, sops.aws-kms, sops.gcp-kms or sops.azure-kv")
	}
	return NewKeys(owner, r.services, data), nil
}

type keyReader struct {
	client   *kms.Client
	data     map[string]sealed.Text
	services map[Kind]Service
}

// serviceFunc is a Service.
type serviceFunc func(ctx context.Context, key Key) ([]byte, error)

// Unwrap calls the function.
func (f serviceFunc) Unwrap(ctx context.Context, key Key) ([]byte, error) { return f(ctx, key) }

// inProcess reads the keys that need no service.
func (r *keyReader) inProcess() error {
	var ages []sealed.Text
	var pgps []PGPKey
	for _, name := range slices.Sorted(maps.Keys(r.data)) {
		if strings.HasSuffix(name, ageSuffix) {
			ages = append(ages, r.data[name])
		}
		if base, isPGP := strings.CutSuffix(name, pgpSuffix); isPGP {
			pgps = append(pgps, PGPKey{Armored: r.data[name], Passphrase: r.data[base+passphraseSuffix]})
		}
	}
	var err, pgpErr error
	if len(ages) > 0 {
		r.services[Age], err = NewAge(ages...)
	}
	if len(pgps) > 0 {
		r.services[PGP], pgpErr = NewPGP(pgps...)
	}
	return errors.Join(err, pgpErr)
}

func (r *keyReader) vault() error {
	token := sealed.Text(strings.TrimSpace(r.data[vaultToken].Reveal()))
	if token == "" {
		return nil
	}
	address := strings.TrimSpace(r.data[vaultAddress].Reveal())
	if at, err := url.Parse(address); err != nil || at.Host == "" || at.User != nil || at.Scheme != "https" && at.Scheme != "http" {
		return syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s: its token is for no address", vaultToken),
			"set "+vaultAddress+" to the address of the Vault that may have it")
	}
	client := r.client
	if authority := r.data[vaultAuthority]; authority != "" {
		var read bool
		if client, read = client.Trusting([]byte(authority.Reveal())); !read {
			return syncline.Errorf(syncline.Invalid, "%s has no certificate in PEM", vaultAuthority)
		}
	}
	service := &kms.Vault{Client: client, Address: address, Token: token, Namespace: strings.TrimSpace(r.data[vaultNamespace].Reveal())}
	r.services[Vault] = serviceFunc(func(ctx context.Context, key Key) ([]byte, error) {
		return service.Decrypt(ctx, key.Address, key.Engine, key.Recipient, key.Wrapped)
	})
	return nil
}

// workload is what each entry of a cloud may say in place of credentials. Whoever may
// write Secrets beside Syncline says so of one project: no file and no project chooses to
// use the identity that the cluster gave to this Pod.
type workload struct {
	Workload bool `json:"workloadIdentity"`
	// Keys are those that the project may use, as sops names them. An identity that
	// projects share has to be told; of credentials that are a project's own, none are all.
	Keys []string `json:"keys"`
}

// put has a service unwrap by the keys that an entry names. Name returns how the key of a
// file is named there.
func (r *keyReader) put(kind Kind, entry string, of workload, service serviceFunc, name func(Key) string) error {
	if of.Workload && len(of.Keys) == 0 {
		return syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s: workloadIdentity is of all projects, and it does not say which keys this one may use", entry),
			"list them as its keys")
	}
	r.services[kind] = serviceFunc(func(ctx context.Context, key Key) ([]byte, error) {
		if len(of.Keys) > 0 && !slices.Contains(of.Keys, name(key)) {
			return nil, syncline.Errorf(syncline.Denied, "%s does not list the key %.200q", entry, name(key))
		}
		return service(ctx, key)
	})
	return nil
}

func (r *keyReader) aws() error {
	text := r.data[awsCredentials].Reveal()
	if text == "" {
		return nil
	}
	var read struct {
		workload  `json:",inline"`
		Role      string      `json:"role"`
		AccessKey string      `json:"aws_access_key_id"`
		SecretKey sealed.Text `json:"aws_secret_access_key"`
		Token     sealed.Text `json:"aws_session_token"`
	}
	if yaml.Unmarshal([]byte(text), &read) != nil || (read.AccessKey == "" || read.SecretKey == "") != read.Workload || read.Role != "" && !read.Workload {
		return syncline.Errorf(syncline.Invalid, "%s is no YAML with aws_access_key_id and aws_secret_access_key, or with workloadIdentity", awsCredentials)
	}
	service := kms.NewAWS(r.client, exchange.AccessKey{ID: read.AccessKey, Secret: read.SecretKey, Session: read.Token})
	if read.Workload {
		var err error
		if service, err = kms.NewAWSWorkload(r.client, read.Role); err != nil {
			return within(awsCredentials, err)
		}
	}
	return r.put(AWSKMS, awsCredentials, read.workload, func(ctx context.Context, key Key) ([]byte, error) {
		return service.Decrypt(ctx, kms.AWSKey{ARN: key.Recipient, Role: key.Role, Context: key.Context}, key.Wrapped)
	}, func(key Key) string { return key.Recipient })
}

func (r *keyReader) gcp() error {
	account := r.data[gcpAccount]
	if account == "" {
		return nil
	}
	var read workload
	_ = yaml.Unmarshal([]byte(account.Reveal()), &read) // what cannot be read is no account either
	service, err := kms.NewGCP(r.client, account)
	if read.Workload {
		service, err = kms.NewGCPWorkload(r.client)
	}
	if err != nil {
		return within(gcpAccount, err)
	}
	return r.put(GCPKMS, gcpAccount, read, func(ctx context.Context, key Key) ([]byte, error) {
		return service.Decrypt(ctx, key.Recipient, key.Wrapped)
	}, func(key Key) string { return key.Recipient })
}

func (r *keyReader) azure() error {
	text := r.data[azureCredentials].Reveal()
	if text == "" {
		return nil
	}
	var read struct {
		workload  `json:",inline"`
		Tenant    string      `json:"tenantId"`
		Client    string      `json:"clientId"`
		Secret    sealed.Text `json:"clientSecret"`
		Assertion sealed.Text `json:"clientAssertion"`
		Authority string      `json:"authority"`
	}
	if yaml.Unmarshal([]byte(text), &read) != nil {
		return syncline.Errorf(syncline.Invalid, "%s is no YAML", azureCredentials)
	}
	var service *kms.Azure
	var err error
	switch {
	case !read.Workload:
		service, err = kms.NewAzure(r.client, exchange.Azure{
			Tenant: read.Tenant, Client: read.Client, Secret: read.Secret, Assertion: read.Assertion, Authority: read.Authority,
		})
	case read.Secret != "" || read.Assertion != "" || read.Authority != "":
		err = syncline.Errorf(syncline.Invalid, "it has workloadIdentity, and what is in place of that")
	default:
		service, err = kms.NewAzureWorkload(r.client, read.Client, read.Tenant)
	}
	if err != nil {
		return within(azureCredentials, err)
	}
	return r.put(AzureKV, azureCredentials, read.workload, func(ctx context.Context, key Key) ([]byte, error) {
		return service.Decrypt(ctx, key.Address, key.Recipient, key.Version, key.Wrapped)
	}, func(key Key) string { return strings.TrimRight(key.Address, "/") + "/keys/" + key.Recipient })
}

// within says in which entry something is wrong.
func within(entry string, err error) error {
	told := syncline.Errorf(syncline.Invalid, "%s: %w", entry, err)
	if hint := syncline.HintOf(err); hint != "" {
		return syncline.WithHint(told, hint)
	}
	return told
}
