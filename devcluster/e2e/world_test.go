package e2e_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// controlPlane is the namespace of the shared server.
const controlPlane = "argocd"

// world is what the scripts share: the program, a cluster with a server in it, and the secret that nobody may tell.
type world struct {
	folder  string
	binary  string
	canary  canary
	cluster *cluster
	server  *server
}

// newWorld builds the program and starts everything. SYNCLINE_BINARY names a program that is built already.
func newWorld(ctx context.Context) (_ *world, err error) {
	w := &world{binary: os.Getenv("SYNCLINE_BINARY")}
	if w.canary, err = newCanary(); err != nil {
		return nil, err
	}
	if w.folder, err = os.MkdirTemp("", "syncline-e2e-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	built := make(chan error, 1)
	go func() { built <- w.build(ctx) }()
	if w.cluster, err = startCluster(ctx, w.canary); err != nil {
		return nil, errors.Join(err, <-built)
	}
	if err := <-built; err != nil {
		return nil, err
	}
	w.server, err = newServer(ctx, serverOptions{
		binary: w.binary, cluster: w.cluster, namespace: controlPlane, folder: filepath.Join(w.folder, "shared"), canary: w.canary,
	})
	if err != nil {
		return nil, err
	}
	return w, w.server.start()
}

func (w *world) build(ctx context.Context) error {
	if w.binary != "" {
		return nil
	}
	w.binary = filepath.Join(w.folder, "syncline")
	command := exec.CommandContext(ctx, "go", "build", "-o", w.binary, "./cmd/syncline")
	command.Dir = filepath.Join("..", "..")
	command.Env = append(os.Environ(), "GOWORK=off")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("building syncline: %w\n%s", err, output)
	}
	return nil
}

// close stops everything, and says what went wrong behind the scripts' backs.
func (w *world) close() error {
	var failures []error
	if w.server != nil {
		failures = append(failures, w.server.close())
	}
	if w.cluster != nil {
		failures = append(failures, w.cluster.close())
	}
	failures = append(failures, w.canary.told(), os.RemoveAll(w.folder))
	return errors.Join(failures...)
}

// canary is a value that Secrets hold and that nothing may tell, and where it was seen nevertheless. So are the
// plaintext of what scripts hold encrypted, and the keys to it.
type canary struct {
	value string
	// age and second are keys of the files that scripts hold encrypted.
	age, second string
	seen        *sightings
}

// plaintext is what scripts hold encrypted.
const plaintext = "canary-in-sops"

type sightings struct {
	mu sync.Mutex
	// keys are private keys that scripts were given.
	keys   []string
	places map[string]bool
}

func newCanary() (canary, error) {
	age, err := ageKey("age.agekey")
	if err != nil {
		return canary{}, err
	}
	second, err := ageKey("age-second.agekey")
	return canary{value: "canary-" + rand.Text(), age: age, second: second, seen: &sightings{places: map[string]bool{}}}, err
}

// ageKey returns the key in one of the files that were made for tests.
func ageKey(file string) (string, error) {
	text, err := os.ReadFile(filepath.Join("..", "..", "internal", "edge", "sops", "testdata", "keys", file))
	_, key, found := strings.Cut(string(text), "\nAGE-SECRET-KEY-")
	if err == nil && !found {
		err = fmt.Errorf("%s holds no age identity", file)
	}
	return "AGE-SECRET-KEY-" + strings.TrimSpace(key), err
}

// hide has a private key, in PEM, looked for as well: by a line of it, and as a Secret writes it.
func (c canary) hide(key string) {
	c.seen.mu.Lock()
	defer c.seen.mu.Unlock()
	c.seen.keys = append(c.seen.keys, strings.Split(key, "\n")[2], key)
}

// look notes the place if the canary is in the text, plain or as a Secret writes it.
func (c canary) look(place string, text []byte) {
	c.seen.mu.Lock()
	defer c.seen.mu.Unlock()
	if slices.ContainsFunc(append([]string{c.value, c.age, c.second, plaintext}, c.seen.keys...), func(secret string) bool {
		return bytes.Contains(text, []byte(secret)) || bytes.Contains(text, []byte(base64.StdEncoding.EncodeToString([]byte(secret))))
	}) {
		c.seen.places[place] = true
	}
}

// told is an error that names where the canary was seen.
func (c canary) told() error {
	c.seen.mu.Lock()
	defer c.seen.mu.Unlock()
	var places []string
	for place := range c.seen.places {
		places = append(places, place)
	}
	if places == nil {
		return nil
	}
	return fmt.Errorf("the value of a Secret was told in: %s", strings.Join(places, "; "))
}
