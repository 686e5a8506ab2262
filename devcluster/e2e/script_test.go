package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline/devcluster/e2e/internal/faultproxy"
	"github.com/syncline-io/syncline/internal/base/testenv"
)

// script is one running script and what is its own: its names, its Git server, and what it started.
type script struct {
	*world // what is shared, with the cluster and the server replaced by the script's own when it starts some
	ctx    context.Context
	name   string
	work   string
	git    *testenv.GitServer
	repos  map[string]*testenv.GitRepo
	// signing has the keys of signer; nil before the first.
	signing *testenv.Signing
	// charts has the Helm repository and the OCI registry; nil before the first chart.
	charts *testenv.ChartServer
	site   *site
	// plugins are what ends each plugin that runs beside the server.
	plugins map[string]func()
	tokens  *testenv.TokenServer
	large   *testenv.LFSServer
	// second is another cluster, once it is started.
	second *cluster
	// modules are the commits of submodules, by folder and path.
	modules map[string]map[string]string
	faults  []*faultproxy.Armed
	// mark is the position of the audit log from which requests are counted, counted that of Git requests.
	mark    int
	counted map[testenv.GitRequest]int
	// resident is how much memory the server took when that was to be measured from, in KiB.
	resident int
	victim   victim
	closers  []func() error
}

type scriptKey struct{}

// setup prepares the names of a script. NAME and NS are its name, for Applications and namespaces of its own, and CP is
// where Applications go.
func setup(env *testscript.Env) error {
	name := strings.ReplaceAll(strings.TrimPrefix(filepath.Base(env.WorkDir), "script-"), "_", "-")
	own := *shared
	s := &script{
		world: &own, ctx: context.Background(), name: name, work: env.WorkDir,
		repos: map[string]*testenv.GitRepo{}, counted: map[testenv.GitRequest]int{},
		modules: map[string]map[string]string{},
	}
	env.Values[scriptKey{}] = s
	env.Setenv("NAME", name)
	env.Setenv("NS", name)
	env.Setenv("CP", controlPlane)
	env.Setenv("CANARY", s.canary.value)
	env.Setenv("AGEKEY", s.canary.age)
	env.Setenv("AGESECOND", s.canary.second)
	t, ok := env.T().(testing.TB)
	if !ok {
		return errors.New("scripts need a test")
	}
	env.Defer(func() {
		if t.Failed() {
			t.Log(s.diagnosis())
		}
		if err := s.finish(t.Failed()); err != nil {
			t.Error(err)
		}
	})
	return nil
}

// of returns the running script.
func of(ts *testscript.TestScript) *script {
	s, _ := ts.Value(scriptKey{}).(*script)
	return s
}

// closing remembers what to do at the end; the last is done first.
func (s *script) closing(undo func() error) { s.closers = append(s.closers, undo) }

// finish takes away the script's Applications and what it started. Every fault must have struck, or the script has not
// tested what it says.
func (s *script) finish(failed bool) error {
	var failures []error
	for _, fault := range s.faults {
		select {
		case <-fault.Struck():
		default:
			if !failed {
				failures = append(failures, errors.New("a fault never struck"))
			}
		}
		fault.Remove()
	}
	if s.git != nil && s.server == shared.server {
		failures = append(failures, s.forget())
	}
	for _, end := range slices.Backward(s.closers) {
		failures = append(failures, end())
	}
	return errors.Join(failures...)
}

// forget deletes the script's Applications from the shared server, and not what they made: the cluster ends soon.
func (s *script) forget() error {
	objects, err := s.cluster.api.objects(s.ctx, target{kind: "applications.argoproj.io", namespace: controlPlane})
	if err != nil {
		return err
	}
	list, err := objects.List(s.ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	host := s.git.URL("")
	host = host[:strings.LastIndex(host, "/")]
	for i := range list.Items {
		app := &list.Items[i]
		if !readsFrom(app, host) {
			continue
		}
		t := target{kind: "applications.argoproj.io", namespace: controlPlane, name: app.GetName()}
		_ = s.cluster.api.edit(s.ctx, t, `{"metadata":{"finalizers":null}}`) // it may be gone already
		_ = s.cluster.api.remove(s.ctx, t, metav1.DeletePropagationBackground)
	}
	return nil
}

// readsFrom reports whether a source of an Application is on a host.
func readsFrom(app *unstructured.Unstructured, host string) bool {
	sources, _, _ := unstructured.NestedSlice(app.Object, "spec", "sources")
	source, _, _ := unstructured.NestedMap(app.Object, "spec", "source")
	return slices.ContainsFunc(append(sources, source), func(source any) bool {
		fields, _ := source.(map[string]any)
		url, _ := fields["repoURL"].(string)
		return strings.HasPrefix(url, host)
	})
}

// diagnosis is what helps to understand a failure: what the Applications say, what the server logged and wrote.
func (s *script) diagnosis() string {
	var text strings.Builder
	objects, err := s.cluster.api.objects(s.ctx, target{kind: "applications.argoproj.io", namespace: s.server.namespace})
	if err == nil {
		list, err := objects.List(s.ctx, metav1.ListOptions{})
		if err != nil {
			fmt.Fprintf(&text, "no Applications: %v\n", err)
			list = &unstructured.UnstructuredList{}
		}
		for i := range list.Items {
			if strings.HasPrefix(list.Items[i].GetName(), s.name) {
				status, _ := find(&list.Items[i], ".status")
				operation, _ := find(&list.Items[i], ".operation")
				fmt.Fprintf(&text, "Application %s has the operation %s and the status %s\n", list.Items[i].GetName(), operation, status)
			}
		}
	}
	fmt.Fprintf(&text, "the server logged:\n%s", s.server.log.about(s.name))
	text.WriteString("what was written:\n")
	events, _, _, _ := s.cluster.log.Since(s.mark)
	written := 0
	for _, e := range events {
		mine := strings.HasPrefix(e.Namespace, s.name) || strings.HasPrefix(e.Name, s.name)
		if mine && e.Verb != "get" && e.Verb != "list" && e.Verb != "watch" && written < 150 && strings.HasPrefix(e.User, "system:serviceaccount:"+s.server.namespace) {
			fmt.Fprintln(&text, " ", e)
			written++
		}
	}
	return text.String()
}

// gitServer returns the script's Git server, started with the options when it is first needed.
func (s *script) gitServer(options testenv.GitOptions) (*testenv.GitServer, error) {
	if s.git != nil {
		return s.git, nil
	}
	git, err := testenv.StartGit(s.ctx, options)
	if err != nil {
		return nil, err
	}
	s.git = git
	s.closing(git.Close)
	return git, nil
}

// startCluster gives the script a cluster of its own.
func (s *script) startCluster() error {
	own, err := startCluster(s.ctx, s.canary)
	if err != nil {
		return err
	}
	s.cluster, s.server = own, nil
	s.closing(own.close)
	return nil
}

// startServer starts the script's own server, the first time in a namespace of its own.
func (s *script) startServer(flags []string) error {
	if s.server == nil || s.server == shared.server {
		own, err := newServer(s.ctx, serverOptions{
			binary: s.binary, cluster: s.cluster, namespace: "cp-" + s.name, folder: filepath.Join(s.folder, s.name), canary: s.canary,
		})
		if err != nil {
			return err
		}
		s.server = own
		s.closing(own.close)
	}
	return s.server.start(flags...)
}

// where completes the name of an object: Applications are in the control plane's namespace, others in the script's.
func (s *script) where(kind, name string) target {
	if namespace, name, qualified := strings.Cut(name, "/"); qualified {
		return target{kind: kind, namespace: namespace, name: name}
	}
	t := target{kind: kind, namespace: s.name, name: name}
	switch kind {
	case "app", "appproject", "event":
		t.namespace = s.server.namespace
	}
	return t
}

// expand replaces variables of the script in a text; one that is not set is an error.
func (s *script) expand(ts *testscript.TestScript, text string, more map[string]string) (string, error) {
	var missing []string
	expanded := os.Expand(text, func(name string) string {
		if value, ok := more[name]; ok {
			return value
		}
		value := ts.Getenv(name)
		if value == "" {
			missing = append(missing, name)
		}
		return value
	})
	if missing != nil {
		return "", fmt.Errorf("these variables are not set: %s", strings.Join(missing, ", "))
	}
	return expanded, nil
}
