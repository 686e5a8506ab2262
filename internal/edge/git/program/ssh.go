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
	"path/filepath"
	"strings"

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
		key, err := ssh.ParseRawPrivateKey([]byte(text))
		if missing := (*ssh.PassphraseMissingError)(nil); errors.As(err, &missing) {
			return syncline.WithHint(syncline.Errorf(syncline.Invalid, "repository %s: its private key for ssh is protected by a passphrase", r.Name),
				"use a key without one, which may read this repository only")
		} else if err != nil { // which may quote it
			return syncline.WithHint(syncline.Errorf(syncline.Invalid, "repository %s: its private key for ssh cannot be read", r.Name),
				"write it as ssh-keygen does, in PEM, with the line breaks that it has")
		}
		shell.key, r.withCredentials = key, true
		r.keyDigest = sha256.Sum256([]byte(text))
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
				defer client.Close()                            //nolint:errcheck // it was answered
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
