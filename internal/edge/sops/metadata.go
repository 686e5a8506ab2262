package sops

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind says which service wrapped a data key, by the name that sops gives it in a file.
type Kind string

// The kinds of service. What sops may use besides is not supported.
const (
	Age       Kind = "age"
	PGP       Kind = "pgp"
	Vault     Kind = "hc_vault"
	AWSKMS    Kind = "kms"
	GCPKMS    Kind = "gcp_kms"
	AzureKV   Kind = "azure_kv"
	HuaweiKMS Kind = "hckms"
)

// Key is the data key of a file, or a share of it, as one recipient can unwrap it. All
// of it is public.
type Key struct {
	Kind Kind
	// Recipient is for whom it was wrapped: an age recipient, the fingerprint of a PGP
	// key, the ARN or name of a key in a KMS.
	Recipient string
	// Wrapped is the ciphertext, written as the service of its kind writes it.
	Wrapped string
	// Address is where its service is: of Vault and Azure Key Vault.
	Address string
	// Engine is the path of Vault's transit engine.
	Engine string
	// Version is that of a key in Azure Key Vault, "" for the latest.
	Version string
	// Role is the AWS role to assume, "" for none.
	Role string
	// Context is the AWS encryption context.
	Context map[string]string
}

// String names the recipient as it may be shown.
func (k Key) String() string {
	text := k.Recipient
	switch k.Kind {
	case PGP:
		text = "PGP key " + text
	case Vault:
		text = strings.TrimSuffix(k.Address, "/") + "/v1/" + k.Engine + "/keys/" + text
	case AzureKV:
		text = strings.TrimSuffix(k.Address, "/") + "/keys/" + text
	}
	if len(text) > maxShown {
		text = text[:maxShown] + "…"
	}
	if quoted := strconv.Quote(text); quoted != `"`+text+`"` {
		return quoted
	}
	return text
}

// The bounds of the metadata of a file.
const (
	maxGroups = 32
	maxKeys   = 256
	// maxWrapped is the size in bytes of a wrapped key. A PGP message for a long key,
	// and what age wraps for post-quantum recipients, have some thousands.
	maxWrapped = 64 << 10
	// maxShown is how long a recipient may be where it is shown.
	maxShown = 200
)

// metadata is the field "sops" of a file. See
// https://getsops.io/docs/#encryption-protocol.
type metadata struct {
	keyGroup
	KeyGroups       []keyGroup `json:"key_groups"`
	ShamirThreshold number     `json:"shamir_threshold"`

	LastModified     string `json:"lastmodified"`
	MAC              string `json:"mac"`
	MACOnlyEncrypted flag   `json:"mac_only_encrypted"`

	UnencryptedSuffix       string `json:"unencrypted_suffix"`
	EncryptedSuffix         string `json:"encrypted_suffix"`
	UnencryptedRegex        string `json:"unencrypted_regex"`
	EncryptedRegex          string `json:"encrypted_regex"`
	UnencryptedCommentRegex string `json:"unencrypted_comment_regex"`
	EncryptedCommentRegex   string `json:"encrypted_comment_regex"`
}

// keyGroup has all keys of one group, by kind.
type keyGroup struct {
	Age []struct {
		Recipient string `json:"recipient"`
		Enc       string `json:"enc"`
	} `json:"age"`
	PGP []struct {
		Fingerprint string `json:"fp"`
		Enc         string `json:"enc"`
	} `json:"pgp"`
	Vault []struct {
		Address string `json:"vault_address"`
		Engine  string `json:"engine_path"`
		Name    string `json:"key_name"`
		Enc     string `json:"enc"`
	} `json:"hc_vault"`
	AWS []struct {
		ARN     string            `json:"arn"`
		Role    string            `json:"role"`
		Context map[string]string `json:"context"`
		Enc     string            `json:"enc"`
	} `json:"kms"`
	GCP []struct {
		Name string `json:"resource_id"`
		Enc  string `json:"enc"`
	} `json:"gcp_kms"`
	Azure []struct {
		Address string `json:"vault_url"`
		Name    string `json:"name"`
		Version string `json:"version"`
		Enc     string `json:"enc"`
	} `json:"azure_kv"`
	Huawei []struct {
		ID  string `json:"key_id"`
		Enc string `json:"enc"`
	} `json:"hckms"`
}

// keys returns the keys of a group in the order in which they are tried: those that
// need no network come first.
func (g keyGroup) keys() []Key {
	var keys []Key
	for _, k := range g.Age {
		keys = append(keys, Key{Kind: Age, Recipient: k.Recipient, Wrapped: k.Enc})
	}
	for _, k := range g.PGP {
		keys = append(keys, Key{Kind: PGP, Recipient: k.Fingerprint, Wrapped: k.Enc})
	}
	for _, k := range g.AWS {
		keys = append(keys, Key{Kind: AWSKMS, Recipient: k.ARN, Wrapped: k.Enc, Role: k.Role, Context: k.Context})
	}
	for _, k := range g.GCP {
		keys = append(keys, Key{Kind: GCPKMS, Recipient: k.Name, Wrapped: k.Enc})
	}
	for _, k := range g.Azure {
		keys = append(keys, Key{Kind: AzureKV, Recipient: k.Name, Wrapped: k.Enc, Address: k.Address, Version: k.Version})
	}
	for _, k := range g.Vault {
		keys = append(keys, Key{Kind: Vault, Recipient: k.Name, Wrapped: k.Enc, Address: k.Address, Engine: k.Engine})
	}
	for _, k := range g.Huawei {
		keys = append(keys, Key{Kind: HuaweiKMS, Recipient: k.ID, Wrapped: k.Enc})
	}
	return keys
}

// number is a number that may be written as a text, as in formats that have texts only.
type number int

// UnmarshalText reads the number from a text.
func (n *number) UnmarshalText(text []byte) error {
	value, err := strconv.Atoi(string(text))
	*n = number(value)
	return err
}

// UnmarshalJSON reads the number, quoted or not.
func (n *number) UnmarshalJSON(text []byte) error {
	return n.UnmarshalText([]byte(strings.Trim(string(text), `"`)))
}

// flag is a boolean that may be written as a text.
type flag bool

// UnmarshalJSON reads the boolean, quoted or not.
func (f *flag) UnmarshalJSON(text []byte) error {
	value, err := strconv.ParseBool(strings.Trim(string(text), `"`))
	*f = flag(value)
	return err
}

// header is what the metadata of a file says, checked.
type header struct {
	rule          rule
	onlyEncrypted bool
	mac           string
	modified      time.Time
	// groups have the wrapped shares of the data key, of which threshold are needed. Of
	// one group it is the data key itself.
	groups    [][]Key
	threshold int
}

// readHeader reads the metadata of a file. No error shows more of it than names.
func readHeader(fields map[string]any) (header, error) {
	text, err := json.Marshal(fields)
	if err != nil {
		return header{}, errors.New("its metadata cannot be read")
	}
	var m metadata
	if err := json.Unmarshal(text, &m); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return header{}, fmt.Errorf("its metadata has something else in %q than belongs there", wrong.Field)
		}
		return header{}, errors.New("its metadata cannot be read")
	}
	h := header{onlyEncrypted: bool(m.MACOnlyEncrypted), mac: m.MAC}
	if h.modified, err = time.Parse(time.RFC3339, m.LastModified); err != nil {
		return header{}, errors.New(`its metadata has no time in "lastmodified"`)
	}
	if h.rule, err = newRule(&m); err != nil {
		return header{}, err
	}
	return h, h.readGroups(&m)
}

// readGroups takes the groups of keys from the metadata. Keys outside of groups are
// one group, beside which there is no other.
func (h *header) readGroups(m *metadata) error {
	groups := m.KeyGroups
	if len(m.keyGroup.keys()) > 0 {
		groups = []keyGroup{m.keyGroup}
	}
	count := 0
	for _, group := range groups {
		keys := group.keys()
		count += len(keys)
		for _, key := range keys {
			if len(key.Wrapped) > maxWrapped {
				return fmt.Errorf("the data key for %s has %d bytes: at most %d are read", key, len(key.Wrapped), maxWrapped)
			}
		}
		h.groups = append(h.groups, keys)
	}
	switch {
	case count == 0:
		return errors.New("it has no recipient")
	case count > maxKeys || len(groups) > maxGroups:
		return fmt.Errorf("it has %d recipients in %d groups: at most %d in %d are read", count, len(groups), maxKeys, maxGroups)
	}
	return h.setThreshold(int(m.ShamirThreshold))
}

// setThreshold takes how many groups are needed: all where nothing is said.
func (h *header) setThreshold(said int) error {
	groups := len(h.groups)
	if said == 0 || groups == 1 {
		said = groups
	}
	if h.threshold = said; groups > 1 && said < 2 || said > groups {
		return fmt.Errorf("it needs %d of its %d groups of keys, which cannot be", said, groups)
	}
	return nil
}

// recipients returns all keys of all groups.
func (h *header) recipients() []Key {
	var all []Key
	for _, group := range h.groups {
		all = append(all, group...)
	}
	return all
}
