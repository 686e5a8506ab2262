package e2e_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/syncline-io/syncline/devcluster/e2e/internal/faultproxy"
)

const (
	// stopLimit is how long a server may take to end when it is asked to.
	stopLimit = 30 * time.Second
	// logTail is how much of a log a failure shows.
	logTail = 6000
)

type serverOptions struct {
	binary    string
	cluster   *cluster
	namespace string
	folder    string
	canary    canary
}

// server is a `syncline server` with an identity and a namespace of its own, and a proxy between it and the API server.
type server struct {
	serverOptions
	proxy *faultproxy.Proxy
	log   *serverLog

	// mu guards the process, which a fault kills while a script waits.
	mu      sync.Mutex
	process *exec.Cmd // nil when there is none
	ended   chan struct{}
	asked   bool // the end of the process was asked for
}

// newServer prepares everything that a server needs. It does not run yet.
func newServer(ctx context.Context, options serverOptions) (*server, error) {
	s := &server{serverOptions: options}
	if err := os.MkdirAll(s.folder, 0o755); err != nil {
		return nil, err
	}
	var err error
	if s.log, err = newServerLog(filepath.Join(s.folder, "server.log"), options.canary); err != nil {
		return nil, err
	}
	token, err := s.identify(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.startProxy(token); err != nil {
		return nil, err
	}
	return s, nil
}

// user is who the server is to the API server.
func (s *server) user() string { return "system:serviceaccount:" + s.namespace + ":syncline" }

// identify makes the namespace and a service account that may do everything, and returns a token of it.
func (s *server) identify(ctx context.Context) (string, error) {
	objects, err := decode(strings.ReplaceAll(`
apiVersion: v1
kind: Namespace
metadata: {name: NAMESPACE}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: syncline, namespace: NAMESPACE}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: syncline-NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: syncline, namespace: NAMESPACE}]
`, "NAMESPACE", s.namespace), "")
	if err != nil {
		return "", err
	}
	for _, object := range objects {
		if err := s.cluster.api.apply(ctx, object); err != nil {
			return "", err
		}
	}
	client, err := kubernetes.NewForConfig(s.cluster.api.config)
	if err != nil {
		return "", err
	}
	request, err := client.CoreV1().ServiceAccounts(s.namespace).CreateToken(ctx, "syncline", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return request.Status.Token, nil
}

// startProxy starts the proxy and writes a kubeconfig that leads through it.
func (s *server) startProxy(token string) error {
	trusted, err := rest.TLSConfigFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{CAData: s.cluster.api.config.CAData}})
	if err != nil {
		return err
	}
	if trusted == nil {
		trusted = &tls.Config{}
	}
	if s.proxy, err = faultproxy.Start(s.cluster.Server, trusted); err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["e2e"] = &clientcmdapi.Cluster{Server: s.proxy.URL(), CertificateAuthorityData: s.proxy.CA()}
	config.AuthInfos["syncline"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e", AuthInfo: "syncline"}
	config.CurrentContext = "e2e"
	return clientcmd.WriteToFile(*config, s.kubeconfig())
}

func (s *server) kubeconfig() string { return filepath.Join(s.folder, "kubeconfig") }

// start runs the program and returns when it says that it is running.
func (s *server) start(flags ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		return errors.New("the server runs already")
	}
	ready := s.log.expect("syncline is running")
	args := append([]string{
		"server", "--kubeconfig", s.kubeconfig(), "--namespace", s.namespace, "--data-dir", filepath.Join(s.folder, "data"),
	}, flags...)
	s.process = exec.Command(s.binary, args...)
	s.process.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.folder, "TMPDIR=" + os.TempDir()}
	s.process.Stdout, s.process.Stderr = s.log, s.log
	s.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.process.Start(); err != nil {
		s.process = nil
		return fmt.Errorf("starting syncline server: %w", err)
	}
	s.ended, s.asked = make(chan struct{}), false
	go func(process *exec.Cmd, ended chan struct{}) {
		_ = process.Wait() // its state says all
		close(ended)
	}(s.process, s.ended)
	select {
	case <-ready:
		return nil
	case <-s.ended:
		return fmt.Errorf("syncline server ended (%s):\n%s", s.process.ProcessState, s.log.tail())
	case <-time.After(*patience):
		return fmt.Errorf("syncline server is not running after %s:\n%s", *patience, s.log.tail())
	}
}

// kill ends the process as kill -9 does.
func (s *server) kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return errors.New("the server does not run")
	}
	if err := s.alive(); err != nil {
		return err
	}
	_ = s.process.Process.Kill()
	<-s.ended
	s.process = nil
	s.proxy.Abandon()
	return nil
}

// stop asks the process to end, which it has to do in time and without an error.
func (s *server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil
	}
	if err := s.alive(); err != nil {
		return err
	}
	process := s.process
	s.process = nil
	_ = process.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
		if code := process.ProcessState.ExitCode(); code != 0 {
			return fmt.Errorf("syncline server in %s was asked to stop and ended with %s:\n%s", s.namespace, process.ProcessState, s.log.tail())
		}
		return nil
	case <-time.After(stopLimit):
		_ = process.Process.Kill()
		<-s.ended
		return fmt.Errorf("syncline server in %s did not stop within %s:\n%s", s.namespace, stopLimit, s.log.tail())
	}
}

// alive is an error when the process has ended by itself.
func (s *server) alive() error {
	select {
	case <-s.ended:
		state := s.process.ProcessState
		s.process = nil
		return fmt.Errorf("syncline server in %s ended by itself (%s):\n%s", s.namespace, state, s.log.tail())
	default:
		return nil
	}
}

// close stops the server for good. It is an error if a turn of it panicked.
func (s *server) close() error {
	err := s.stop()
	s.proxy.Close()
	if line := s.log.find(regexp.MustCompile(`panicked`)); line != "" {
		err = errors.Join(err, fmt.Errorf("the server in %s panicked: %s", s.namespace, line))
	}
	return errors.Join(err, s.log.close())
}

// serverLog keeps what a server logs, and lets others wait for a text.
type serverLog struct {
	canary canary

	mu       sync.Mutex
	file     *os.File
	text     bytes.Buffer
	expected string
	seen     chan struct{} // closed when the expected text comes
}

func newServerLog(path string, secret canary) (*serverLog, error) {
	file, err := os.Create(path)
	return &serverLog{file: file, canary: secret}, err
}

// expect returns what is closed when the text comes from now on.
func (l *serverLog) expect(text string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expected, l.seen = text, make(chan struct{})
	return l.seen
}

// Write takes what a server logs, line by line or not.
func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.canary.look("a server's log", p)
	l.text.Write(p)
	if l.expected != "" && bytes.Contains(p, []byte(l.expected)) {
		close(l.seen)
		l.expected = ""
	}
	return l.file.Write(p)
}

// find returns the first line that matches, or "".
func (l *serverLog) find(wanted *regexp.Regexp) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if wanted.MatchString(line) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// about returns the last lines that name something.
func (l *serverLog) about(name string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, name) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-40):], "")
}

func (l *serverLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	return text[max(0, len(text)-logTail):]
}

func (l *serverLog) close() error { return l.file.Close() }
