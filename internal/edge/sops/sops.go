// Package sops decrypts files that the sops program has encrypted, so that secrets can
// be kept in Git: whole manifests, and whatever else a renderer reads. It decrypts only.
// What a file says of itself is input like any other; no error, log or name shows
// plaintext or keys.
//
// The format is that of https://getsops.io/docs/#encryption-protocol, as version 3.13
// of the program writes and reads it: a data key of the file encrypts its values, each
// bound to its place, and services wrap the data key for recipients. The tests hold this
// package against that program.
package sops

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/edge/sops/document"
	"github.com/syncline-io/syncline/internal/edge/sops/shamir"
)

// Service unwraps data keys. It is asked about keys of its kind only, and its error
// says what to show, without what the key unwraps to. It is safe for concurrent use.
type Service interface {
	Unwrap(ctx context.Context, key Key) (data []byte, err error)
}

// errNoFit is that none of a project's keys is the one that something was wrapped for.
var errNoFit = errors.New("no key fits")

// Options are those of a Decrypter. The zero value works.
type Options struct {
	// Keep is how long an unwrapped data key is kept. Default: 10 minutes.
	Keep time.Duration
	// Timeout is how long one file may wait for services. Default: 30 seconds.
	Timeout time.Duration
	// Now is the clock. Default: [time.Now].
	Now func() time.Time
}

// Decrypter decrypts files, and keeps their data keys for a while. It is safe for
// concurrent use.
type Decrypter struct {
	cache   *cache
	timeout time.Duration
}

// New returns a Decrypter.
func New(o Options) *Decrypter {
	if o.Keep == 0 {
		o.Keep = 10 * time.Minute
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Decrypter{cache: newCache(o.Keep, o.Now), timeout: o.Timeout}
}

// Keys are what one project decrypts with. The zero value decrypts nothing.
type Keys struct {
	// owner is the project, or "" for a person.
	owner    string
	id       [sha256.Size]byte
	services map[Kind]Service
}

// NewKeys returns the keys of an owner, a project or "" for a person, by the kind of
// what they unwrap. Secrets are what they were made of: what was unwrapped is theirs
// alone, and no more when they change.
func NewKeys(owner string, services map[Kind]Service, secrets map[string]sealed.Text) Keys {
	sum := sha256.New()
	part(sum, owner)
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		part(sum, name)
		part(sum, secrets[name].Reveal())
	}
	return Keys{owner: owner, id: [sha256.Size]byte(sum.Sum(nil)), services: services}
}

// Join returns the keys that an owner has in several places as one. They are tried in
// that order.
func Join(owner string, all ...Keys) Keys {
	joined := Keys{owner: owner, services: map[Kind]Service{}}
	sum := sha256.New()
	part(sum, owner)
	for _, keys := range all {
		_, _ = sum.Write(keys.id[:])
		for kind, service := range keys.services {
			others, _ := joined.services[kind].(several)
			joined.services[kind] = append(slices.Clip(others), service)
		}
	}
	joined.id = [sha256.Size]byte(sum.Sum(nil))
	return joined
}

// several are services of one kind.
type several []Service

// Unwrap returns what the first of them does that can.
func (s several) Unwrap(ctx context.Context, key Key) ([]byte, error) {
	var failed failures
	for _, service := range s {
		data, err := service.Unwrap(ctx, key)
		if err == nil {
			return data, nil
		}
		if !errors.Is(err, errNoFit) {
			failed = append(failed, err)
		}
	}
	if len(failed) == 0 {
		return nil, errNoFit
	}
	return nil, failed
}

// Unreadable returns keys that are there and cannot be read: whatever they might open
// fails with that error. Secrets are what could not be read.
func Unreadable(err error, secrets map[string]sealed.Text) Keys {
	services := map[Kind]Service{}
	for _, kind := range []Kind{Age, PGP, Vault, AWSKMS, GCPKMS, AzureKV} {
		services[kind] = serviceFunc(func(context.Context, Key) ([]byte, error) { return nil, err })
	}
	return NewKeys("", services, secrets)
}

// IsZero reports whether there are no keys.
func (k Keys) IsZero() bool { return len(k.services) == 0 }

// part adds one text to a digest, so that no two lists of texts are the same.
func part(sum hash.Hash, text string) {
	_, _ = sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
	_, _ = sum.Write([]byte(text))
}

// cacheKey says of what, and for whom, something is unwrapped.
func (k Keys) cacheKey(key Key) cacheKey {
	sum := sha256.New()
	_, _ = sum.Write(k.id[:])
	for _, text := range []string{string(key.Kind), key.Recipient, key.Wrapped, key.Address, key.Engine, key.Version, key.Role} {
		part(sum, text)
	}
	for _, name := range slices.Sorted(maps.Keys(key.Context)) {
		part(sum, name)
		part(sum, key.Context[name])
	}
	return cacheKey(sum.Sum(nil))
}

// Decrypt returns the plaintext of an encrypted file, in its own format. It is an error
// where [Is] says that the file is none.
func (d *Decrypter) Decrypt(ctx context.Context, keys Keys, name string, text []byte) ([]byte, error) {
	f, found := inspect(name, text)
	if !found {
		return nil, syncline.Errorf(syncline.Invalid, "%s is not encrypted by sops", name)
	}
	return d.decrypt(ctx, keys, f)
}

func (d *Decrypter) decrypt(ctx context.Context, keys Keys, f file) ([]byte, error) {
	if f.wrong != nil {
		return nil, f.broken(f.wrong)
	}
	h, err := readHeader(f.metadata)
	f.recipients = h.recipients()
	if err != nil {
		return nil, f.broken(err)
	}
	dataKey, err := d.dataKey(ctx, keys, h)
	if err != nil {
		return nil, f.locked(keys, err)
	}
	values, err := newValues(dataKey)
	if err != nil {
		return nil, f.broken(err)
	}
	walk := newWalk(h.rule, values, h.onlyEncrypted)
	for _, branch := range f.documents {
		if err := walk.branch(branch, false); err != nil {
			return nil, f.broken(err)
		}
	}
	if !walk.verify(h.mac, h.modified) {
		return nil, f.changed()
	}
	plain, err := document.Render(f.format, f.documents)
	if err != nil {
		return nil, f.broken(err)
	}
	return plain, nil
}

// dataKey puts the data key together from the shares of as many groups as it takes.
func (d *Decrypter) dataKey(ctx context.Context, keys Keys, h header) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	var shares [][]byte
	var failed failures
	for _, group := range h.groups {
		if len(shares) == h.threshold {
			break
		}
		share, err := d.share(ctx, keys, group)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		shares = append(shares, share)
	}
	switch {
	case len(shares) < h.threshold && len(h.groups) > 1:
		return nil, fmt.Errorf("%d of its %d groups of keys are needed, and %d could be used: %w",
			h.threshold, len(h.groups), len(shares), failed)
	case len(shares) < h.threshold:
		return nil, failed
	case len(h.groups) == 1:
		return shares[0], nil
	}
	return shamir.Combine(shares)
}

// share unwraps what all keys of a group wrap, by the first that can: what is kept
// costs nothing, and comes first.
func (d *Decrypter) share(ctx context.Context, keys Keys, group []Key) ([]byte, error) {
	for _, key := range group {
		if share, kept := d.cache.get(keys.cacheKey(key)); kept {
			return share, nil
		}
	}
	var failed failures
	for _, key := range group {
		service := keys.services[key.Kind]
		if service == nil {
			continue
		}
		share, err := d.cache.unwrap(ctx, keys.cacheKey(key), func(ctx context.Context) ([]byte, error) {
			ctx, cancel := context.WithTimeout(ctx, d.timeout)
			defer cancel()
			return service.Unwrap(ctx, key)
		})
		if err == nil {
			return share, nil
		}
		if !errors.Is(err, errNoFit) {
			failed = append(failed, fmt.Errorf("%s: %w", key, err))
		}
	}
	if len(failed) == 0 {
		return nil, errNoFit
	}
	return nil, failed
}

// failures are why each of several keys or groups opened nothing, on one line.
type failures []error

// Error returns the texts of all, each once.
func (f failures) Error() string {
	var texts []string
	for _, err := range f {
		if text := err.Error(); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns all.
func (f failures) Unwrap() []error { return f }

// mayPass reports whether any of them is expected to pass.
func (f failures) mayPass() bool {
	return slices.ContainsFunc(f, func(err error) bool {
		if all, ok := errors.AsType[failures](err); ok {
			return all.mayPass()
		}
		return syncline.KindOf(err) == syncline.Transient || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	})
}

// broken says that a file is not as it has to be.
func (f file) broken(err error) error {
	return f.refused(err, "check that sops decrypts the file, or encrypt it again")
}

// changed says that a file is another than was encrypted.
func (f file) changed() error {
	return f.refused(errors.New("its authentication code is another: it was changed after it was encrypted, or has none"),
		"change the file with sops only, which encrypts all documents of a file together; look for what was merged into it or edited, and encrypt it again")
}

// locked says that none of the keys opens a file.
func (f file) locked(keys Keys, err error) error {
	switch {
	case keys.owner == "":
		return f.refused(fmt.Errorf("no key of yours opens it: %w", err), "set SOPS_AGE_KEY_FILE or SOPS_AGE_KEY as for sops; see `syncline render --help`")
	case keys.IsZero():
		return f.refused(fmt.Errorf("there are no keys of project %q", keys.owner), "make a Secret with a key of one of its recipients for the project")
	}
	return f.refused(fmt.Errorf("no key of project %q opens it: %w", keys.owner, err),
		"add a key of one of its recipients to the project, or encrypt the file for a recipient whose key is there")
}

// refused says why a file cannot be read: Transient where that may pass, and
// [syncline.ErrLocked] where not.
func (f file) refused(why error, hint string) error {
	kind, cannot := syncline.Invalid, syncline.ErrLocked
	if (failures{why}).mayPass() {
		kind, cannot = syncline.Transient, errors.New(syncline.ErrLocked.Error())
	}
	return syncline.WithHint(syncline.Errorf(kind, "%s is encrypted by sops, and %w: %w%s", f.name, cannot, why, f.encryptedFor()), hint)
}

// maxNamed is how many recipients an error names.
const maxNamed = 10

// encryptedFor names the recipients of a file.
func (f file) encryptedFor() string {
	if len(f.recipients) == 0 {
		return ""
	}
	var names []string
	for _, key := range f.recipients[:min(len(f.recipients), maxNamed)] {
		names = append(names, key.String())
	}
	if more := len(f.recipients) - maxNamed; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return "; it is encrypted for " + strings.Join(names, ", ")
}
