package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Signing makes signatures by GnuPG and ssh-keygen, with keys of its own in a folder.
type Signing struct {
	dir string
	gpg string
}

// ErrNoGPG is that this machine has no gpg.
var ErrNoGPG = errors.New("gpg is not installed: install gnupg")

// NewSigning makes a Signing. Close ends what GnuPG leaves running. It is [ErrNoGPG] where
// there is none.
func NewSigning() (*Signing, error) {
	gpg, err := exec.LookPath("gpg")
	if err != nil {
		return nil, ErrNoGPG
	}
	dir, err := os.MkdirTemp("", "gpg") // short: it holds sockets
	if err != nil {
		return nil, err
	}
	return &Signing{dir: dir, gpg: gpg}, nil
}

// Close ends GnuPG's agent, and removes the keys.
func (s *Signing) Close() error {
	_, err := s.Run(context.Background(), nil, "gpgconf", "--kill", "all")
	return errors.Join(err, os.RemoveAll(s.dir))
}

// GPG runs gpg over an input without asking anybody, and returns what it prints.
func (s *Signing) GPG(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	return s.Run(ctx, stdin, s.gpg, append([]string{"--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
}

// NewGPGKey makes a key of an algorithm such as ed25519 or rsa2048, which lives as long
// as "1y", or for ever as "never", and returns its fingerprint.
func (s *Signing) NewGPGKey(ctx context.Context, user, algorithm, life string) (string, error) {
	if _, err := s.GPG(ctx, nil, "--quick-generate-key", user, algorithm, "sign", life); err != nil {
		return "", err
	}
	listed, err := s.GPG(ctx, nil, "--with-colons", "--list-keys", "="+user)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(listed)) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" {
			return fields[9], nil
		}
	}
	return "", fmt.Errorf("gpg lists no key of %s", user)
}

// ExportGPG returns public keys, armored.
func (s *Signing) ExportGPG(ctx context.Context, keys ...string) (string, error) {
	armored, err := s.GPG(ctx, nil, append([]string{"--armor", "--export"}, keys...)...)
	return string(armored), err
}

// NewSSHKey makes a key of a type such as ed25519, and returns its file and the public
// key as a line.
func (s *Signing) NewSSHKey(ctx context.Context, name, kind string) (file, public string, err error) {
	file = filepath.Join(s.dir, name)
	if _, err := s.Run(ctx, nil, "ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", file); err != nil {
		return "", "", err
	}
	line, err := os.ReadFile(file + ".pub")
	return file, strings.TrimSpace(string(line)), err
}

// SignSSH signs by the key of a file for a namespace, as git does.
func (s *Signing) SignSSH(ctx context.Context, file, namespace string, payload []byte, options ...string) ([]byte, error) {
	return s.Run(ctx, payload, "ssh-keygen", append([]string{"-q", "-Y", "sign", "-n", namespace, "-f", file}, options...)...)
}

// Write puts a file into the folder, and returns its path.
func (s *Signing) Write(name, text string) (string, error) {
	path := filepath.Join(s.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// Run runs a program with the keys, and returns what it prints.
func (s *Signing) Run(ctx context.Context, stdin []byte, name string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, name, args...) //nolint:gosec // of tests
	command.Env = append(gitEnvironment(), "GNUPGHOME="+s.dir, "TZ=UTC")
	command.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.Bytes(), nil
}

// Sign returns a commit or an annotated tag of the repository again, signed by git with
// settings such as "user.signingkey=…", and moves the ref to it.
func (r *GitRepo) Sign(ctx context.Context, by *Signing, ref string, settings ...string) (string, error) {
	args := []string{"--git-dir", r.Dir, "-c", "user.name=Syncline", "-c", "user.email=syncline@example.com", "-c", "gpg.program=" + by.gpg}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	if tag, found := strings.CutPrefix(ref, "refs/tags/"); found {
		_, err := by.Run(ctx, nil, "git", append(args, "tag", "--force", "--sign", "--message=signed", tag, tag+"^{commit}")...)
		if err != nil {
			return "", err
		}
		return r.Git(ctx, "rev-parse", ref)
	}
	message, err := r.Git(ctx, "log", "-1", "--format=%B", ref)
	if err != nil {
		return "", err
	}
	parents, err := r.Git(ctx, "log", "-1", "--format=%P", ref)
	if err != nil {
		return "", err
	}
	args = append(args, "commit-tree", "-S", "-m", message, ref+"^{tree}")
	for parent := range strings.FieldsSeq(parents) {
		args = append(args, "-p", parent)
	}
	signed, err := by.Run(ctx, nil, "git", args...)
	if err != nil {
		return "", err
	}
	commit := strings.TrimSpace(string(signed))
	_, err = r.Git(ctx, "update-ref", ref, commit)
	return commit, err
}
