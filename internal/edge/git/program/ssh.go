package program

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// secureShell is how git reaches a repository through OpenSSH's client.
type secureShell struct {
	// config is the file that the client reads instead of anybody's own.
	config string
	// alias is what the server's keys are looked up by: the address that is connected to
	// is one that was looked up and checked before.
	alias string
	// key is the private key, which never leaves this process; nil when there is none.
	key any
	// knownHosts says where hosts are made known, for messages.
	knownHosts string
}

// sshCommand is what git runs, by a shell, which finds nothing in it that came from
// outside: all of that is in variables, and git's own arguments follow as they are.
const sshCommand = `exec ssh -F "$SYNCLINE_SSH_CONFIG" -o HostName="$SYNCLINE_SSH_HOST" -o HostKeyAlias="$SYNCLINE_SSH_ALIAS"`

// maxKnownHosts is how many bytes the known hosts of a repository may have.
const maxKnownHosts = 1 << 20

// overSSH gathers what is needed to reach a repository by ssh.
func (g *Git) overSSH(r *Remote, repo upstream.Repository) error {
	address := repo.Address
	user := cmp.Or(address.User(), repo.Username, "git")
	if strings.HasPrefix(user, "-") || strings.ContainsAny(user, " \t'\"\\$`;&|<>(){}%") || strings.ContainsFunc(user, isControl) {
		return syncline.Errorf(syncline.Invalid, "repository %s: its user name for ssh has a character that is in none", r.Name)
	}
	r.secrets = append(r.secrets, address.Password().Reveal())
	if repo.Proxy != "" {
		return syncline.WithHint(syncline.Errorf(syncline.Invalid, "repository %s: no proxy is used for ssh", r.Name),
			"take the proxy out of the repository's settings, or use its https address")
	}
	r.URL = "ssh://" + user + "@" + strings.TrimPrefix(address.URL(), "ssh://")
	if address.IsRelative() {
		r.URL = user + "@" + address.HostInURL() + ":" + strings.TrimPrefix(address.URL(), address.Origin()+"/")
	}
	shell := &secureShell{alias: address.Host(), knownHosts: cmp.Or(repo.KnownHostsIn, "the known hosts of the repository")}
	if address.Port() != "22" {
		shell.alias = "[" + address.Host() + "]:" + address.Port()
	}
	if text := repo.SSHKey.Reveal(); text != "" {
		key, err := r.readKey(text)
		if err != nil {
			return err
		}
		shell.key, r.withCredentials, r.keyDigest = key, true, sha256.Sum256([]byte(text))
	}
	if len(repo.KnownHosts) > maxKnownHosts {
		return syncline.Errorf(syncline.Invalid, "repository %s: %s has more than %d bytes", r.Name, shell.knownHosts, maxKnownHosts)
	}
	known, err := g.named("known-hosts-", repo.KnownHosts)
	if err == nil {
		shell.config, err = g.named("ssh-", clientConfig(known, repo.InsecureSkipVerify))
	}
	if err != nil {
		return syncline.Errorf(syncline.Internal, "repository %s: writing its settings for ssh: %w", r.Name, err)
	}
	r.shell = shell
	return nil
}

// readKey reads a private key. Its errors quote nothing of it.
func (r *Remote) readKey(text string) (any, error) {
	key, err := ssh.ParseRawPrivateKey([]byte(text))
	switch missing := (*ssh.PassphraseMissingError)(nil); {
	case errors.As(err, &missing):
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "repository %s: its private key for ssh is protected by a passphrase", r.Name),
			"use a key without one, which may read this repository only")
	case err != nil:
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "repository %s: its private key for ssh cannot be read", r.Name),
			"write it as ssh-keygen does, in PEM, with the line breaks that it has")
	}
	return key, nil
}

// clientConfig is a configuration of ssh in which nothing is asked, forwarded or
// remembered, and one key is offered: that of the agent. It accepts any server's key
// when that is what the operator says.
func clientConfig(knownHosts string, anyHost bool) []byte {
	check := "StrictHostKeyChecking yes\nUserKnownHostsFile \"" + knownHosts + "\"\n"
	if anyHost {
		check = "StrictHostKeyChecking no\nUserKnownHostsFile " + os.DevNull + "\n"
	}
	return []byte(check + `GlobalKnownHostsFile ` + os.DevNull + `
BatchMode yes
CanonicalizeHostname no
CheckHostIP no
ClearAllForwardings yes
ConnectTimeout 15
ControlMaster no
ControlPath none
ForwardAgent no
ForwardX11 no
IdentityAgent SSH_AUTH_SOCK
IdentityFile none
LogLevel ERROR
PermitLocalCommand no
PreferredAuthentications publickey
ProxyCommand none
RequestTTY no
ServerAliveCountMax 3
ServerAliveInterval 15
UpdateHostKeys no
`)
}

// shellTo returns the environment in which git reaches the remote at an address by ssh,
// and what to call when it has ended.
func (g *Git) shellTo(r *Remote, at netip.Addr) (env []string, end func(), err error) {
	env = []string{
		"GIT_SSH_COMMAND=" + sshCommand, "GIT_SSH_VARIANT=ssh",
		"SYNCLINE_SSH_CONFIG=" + r.shell.config, "SYNCLINE_SSH_HOST=" + at.String(), "SYNCLINE_SSH_ALIAS=" + r.shell.alias,
	}
	if r.shell.key == nil {
		return append(env, "SSH_AUTH_SOCK="), func() {}, nil
	}
	socket, end, err := serveKey(g.options.Home, r.shell.key)
	return append(env, "SSH_AUTH_SOCK="+socket), end, err
}

// shellTimeout is how long a program of the remote's server may run.
const shellTimeout = time.Minute

// Shell runs a program of the server of a remote that is reached by ssh, with the
// repository's path as its first argument and another one, and returns what it prints.
// The program and the other argument are ours.
func (g *Git) Shell(ctx context.Context, r *Remote, name, argument string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, shellTimeout)
	defer cancel()
	way, err := g.reach(ctx, r)
	if err != nil {
		return nil, err
	}
	defer way.end()
	to, where, _ := strings.Cut(strings.TrimPrefix(r.URL, "ssh://"), "/")
	where = "/" + where
	if !strings.HasPrefix(r.URL, "ssh://") {
		to, where, _ = strings.Cut(r.URL, ":")
	}
	user, _, _ := strings.Cut(to, "@")
	settings := map[string]string{}
	for _, setting := range way.env {
		name, value, _ := strings.Cut(setting, "=")
		settings[name] = value
	}
	process := exec.CommandContext(ctx, "ssh", "-F", r.shell.config, //nolint:gosec // nothing in it is read as an option
		"-o", "HostName="+settings["SYNCLINE_SSH_HOST"], "-o", "HostKeyAlias="+r.shell.alias, "-o", "User="+user, "-p", r.port, "--",
		r.hostname, name+" '"+strings.ReplaceAll(where, "'", `'\''`)+"' "+argument)
	process.Dir, process.WaitDelay = g.options.Home, 5*time.Second
	process.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.options.Home, "LC_ALL=C", "SSH_AUTH_SOCK=" + settings["SSH_AUTH_SOCK"]}
	inOwnGroup(process)
	output := &limitedBuffer{left: 64 << 10, full: cancel}
	messages := &tailBuffer{limit: 64 << 10}
	process.Stdout, process.Stderr = output, messages
	if err := process.Run(); err != nil || output.overflow {
		fail := &RunError{step: name, remote: r, err: err, messages: messages.String(), tooLong: output.overflow}
		if ctx.Err() != nil {
			fail.err = ctx.Err()
		}
		return nil, fail.About()
	}
	return output.kept.Bytes(), nil
}

// longestSocket is how long the path of a socket may be, less some room.
const longestSocket = 80

// serveKey signs with a private key for whoever asks at a socket, which is in a folder
// that only this user may enter, until end is called.
func serveKey(dir string, key any) (socket string, end func(), err error) {
	if len(dir) > longestSocket {
		dir = os.TempDir()
	}
	if dir, err = os.MkdirTemp(dir, "ssh-"); err != nil {
		return "", nil, fmt.Errorf("making a place for the agent of ssh: %w", err)
	}
	remove := func() { _ = os.RemoveAll(dir) } // it holds a socket only
	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		remove()
		return "", nil, errors.New("the private key is of a kind that ssh does not use") // the error may quote it
	}
	socket = filepath.Join(dir, "agent")
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", socket)
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("starting the agent of ssh: %w", err)
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // it was closed
			}
			go func() {
				defer client.Close()
				_ = agent.ServeAgent(readOnly{keyring}, client) // ends with the client
			}()
		}
	}()
	return socket, func() {
		_ = listener.Close()
		remove()
	}, nil
}

// readOnly is an agent whose keys cannot be changed.
type readOnly struct{ agent.Agent }

var errReadOnly = errors.New("the keys cannot be changed")

func (readOnly) Add(agent.AddedKey) error   { return errReadOnly }
func (readOnly) Remove(ssh.PublicKey) error { return errReadOnly }
func (readOnly) RemoveAll() error           { return errReadOnly }
func (readOnly) Lock([]byte) error          { return errReadOnly }
func (readOnly) Unlock([]byte) error        { return errReadOnly }
