package testenv

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// SSHServer serves the repositories of a GitServer by OpenSSH's server, to one key.
type SSHServer struct {
	// Key is the private key that is let in, in PEM.
	Key string
	// KnownHosts has the server's own key.
	KnownHosts string

	dir      string
	repos    string
	user     string
	sshd     string
	listener net.Listener
	ended    sync.WaitGroup

	mu          sync.Mutex
	connections int
	fault       SSHFault
}

// SSHFault is how an SSHServer fails, until the fault is replaced.
type SSHFault struct {
	// Close ends connections before anything is said.
	Close bool
	// DropAfter ends a connection after that many bytes of the answer. 0 does not.
	DropAfter int64
}

// ErrNoSSHServer is that this machine has no sshd.
var ErrNoSSHServer = errors.New("sshd is not installed: install openssh-server")

// StartSSH starts an SSHServer over the folder of a GitServer. It stops when Close is
// called. It is [ErrNoSSHServer] where there is none.
func StartSSH(ctx context.Context, repositories *GitServer) (*SSHServer, error) {
	s := &SSHServer{repos: repositories.options.Dir}
	var err error
	if s.sshd, err = exec.LookPath("sshd"); err != nil {
		if s.sshd, err = exec.LookPath("/usr/sbin/sshd"); err != nil {
			return nil, ErrNoSSHServer
		}
	}
	me, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("starting an SSH server: %w", err)
	}
	if s.user = me.Username; me.Uid == "0" {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { //nolint:gosec // sshd demands that it is so
			return nil, fmt.Errorf("starting an SSH server: %w", err)
		}
	}
	if s.dir, err = os.MkdirTemp("", "syncline-sshd-"); err != nil {
		return nil, fmt.Errorf("starting an SSH server: %w", err)
	}
	if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("starting an SSH server: %w", err)
	}
	if err := s.configure(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting an SSH server: %w", err), s.Close())
	}
	s.ended.Go(s.serve)
	return s, nil
}

// configure makes keys and sshd's configuration.
func (s *SSHServer) configure() error {
	hostKey, hostPublic, err := newSSHKey()
	if err != nil {
		return err
	}
	key, public, err := newSSHKey()
	if err != nil {
		return err
	}
	s.Key = key
	host, port, _ := net.SplitHostPort(s.listener.Addr().String())
	s.KnownHosts = "[" + host + "]:" + port + " " + hostPublic
	config := strings.Join([]string{
		"HostKey " + filepath.Join(s.dir, "host"), "AuthorizedKeysFile " + filepath.Join(s.dir, "authorized"),
		"PidFile none", "StrictModes no", "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
		"PermitRootLogin prohibit-password", "AcceptEnv GIT_PROTOCOL",
		"SetEnv GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=uploadpack.allowFilter GIT_CONFIG_VALUE_0=true PATH=" + s.dir + ":" + os.Getenv("PATH"),
	}, "\n") + "\n"
	for name, text := range map[string]string{"host": hostKey, "authorized": public, "config": config} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// newSSHKey returns a private key in PEM, and its line of public key.
func newSSHKey() (private, public string, err error) {
	publicKey, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", err
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return "", "", err
	}
	line, err := ssh.NewPublicKey(publicKey)
	if err != nil {
		return "", "", err
	}
	return string(pem.EncodeToMemory(block)), string(ssh.MarshalAuthorizedKey(line)), nil
}

// NewSSHKey returns a private key in PEM that no server knows.
func NewSSHKey() (string, error) {
	key, _, err := newSSHKey()
	return key, err
}

// serve runs sshd for each connection, which inetd would do.
func (s *SSHServer) serve() {
	for {
		client, err := s.listener.Accept()
		if err != nil {
			return // it was closed
		}
		s.mu.Lock()
		s.connections++
		fault := s.fault
		s.mu.Unlock()
		s.ended.Go(func() {
			defer client.Close()
			if !fault.Close {
				s.run(client, fault)
			}
		})
	}
}

func (s *SSHServer) run(client net.Conn, fault SSHFault) {
	command := exec.Command(s.sshd, "-i", "-e", "-f", filepath.Join(s.dir, "config"))
	command.Stdin, command.Stdout = client, client
	if fault.DropAfter > 0 {
		command.Stdout = &dropping{to: client, left: fault.DropAfter}
	}
	_ = command.Run() // it ends with the connection
}

// dropping closes a connection after so many bytes.
type dropping struct {
	to   net.Conn
	left int64
}

func (d *dropping) Write(p []byte) (int, error) {
	if d.left -= int64(len(p)); d.left < 0 {
		_ = d.to.Close()
		return 0, net.ErrClosed
	}
	return d.to.Write(p)
}

// GrantLFS has the server tell whoever reads a repository by ssh where the content of Git
// LFS is.
func (s *SSHServer) GrantLFS(from *LFSServer) error {
	script := "#!/bin/sh\ntest \"$2\" = download && test -d \"$1\" && echo '{\"href\":\"" + from.URL + "\",\"header\":{\"Authorization\":\"" + from.Grant + "\"}}'\n"
	return os.WriteFile(filepath.Join(s.dir, "git-lfs-authenticate"), []byte(script), 0o700) //nolint:gosec // it is a program
}

// URL returns the address of the repository called name.
func (s *SSHServer) URL(name string) string {
	return "ssh://" + s.user + "@" + s.listener.Addr().String() + s.repos + "/" + name + ".git"
}

// Connections returns how many came.
func (s *SSHServer) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Fail makes connections fail from now on. The zero SSHFault ends that.
func (s *SSHServer) Fail(fault SSHFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// Close stops the server and removes its keys.
func (s *SSHServer) Close() error {
	err := s.listener.Close()
	s.ended.Wait()
	return errors.Join(err, os.RemoveAll(s.dir))
}
