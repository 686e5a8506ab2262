package e2e_test

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// command is one of the words that scripts have besides those of testscript. README.md describes them.
type command func(s *script, ts *testscript.TestScript, args []string) error

// errUsage says that a script calls a command wrongly.
var errUsage = errors.New("wrong arguments: see README.md")

func words() map[string]command {
	return map[string]command{
		"repo": repo, "commit": commit, "tag": tag, "git": git, "gitserver": gitserver, "signer": signer, "sign": sign, "sshserver": sshserver, "tokenserver": tokenserver, "tokens": tokens, "lfsserver": lfsserver, "lfs": large, "submodule": submodule, "chart": chart, "chartcount": chartcount, "web": web, "push": push, "plugin": plugin, "gitfault": gitfault, "gitcount": gitcount,
		"apply": apply, "refused": refused, "accepted": accepted, "expand": expand, "edit": edit, "remove": remove,
		"await": await, "gone": gone, "get": get, "columns": columns, "told": told, "synced": synced, "refresh": refresh, "same": same, "match": match,
		"syncline": runSyncline, "code": runCode,
		"audit": auditCount, "mark": mark, "order": order,
		"cluster": clusterCommand, "second": second, "on": on, "server": serverCommand, "apiserver": apiserver, "fault": fault, "log": logged, "grown": grown, "idle": idle, "terminated": terminated,
		"delivered": delivered, "unfolding": unfolding,
	}
}

// commands returns the words as testscript wants them. A "!" in front means that the command has to fail.
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	adapted := map[string]func(*testscript.TestScript, bool, []string){"each": each}
	for name, do := range words() {
		adapted[name] = func(ts *testscript.TestScript, fails bool, args []string) {
			switch err := do(of(ts), ts, args); {
			case errors.Is(err, errUsage):
				ts.Fatalf("%s: %v", name, err)
			case fails && err == nil:
				ts.Fatalf("%s succeeded, but should have failed", name)
			case fails && !errors.As(err, new(*exec.ExitError)): // a program has said why itself
				fmt.Fprintln(ts.Stderr(), err)
			case fails:
			case err != nil:
				ts.Fatalf("%s: %v", name, err)
			}
		}
	}
	return adapted
}

// each runs a command once for every number, written % in its arguments.
//
//	each 1..3 await configmap web-%
func each(ts *testscript.TestScript, fails bool, args []string) {
	if fails || len(args) < 2 {
		ts.Fatalf("each: %v", errUsage)
	}
	from, to, _ := strings.Cut(args[0], "..")
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	do := words()[args[1]]
	if err1 != nil || err2 != nil || do == nil {
		ts.Fatalf("each: %v", errUsage)
	}
	for i := first; i <= last; i++ {
		var replaced []string
		for _, arg := range args[2:] {
			replaced = append(replaced, strings.ReplaceAll(arg, "%", strconv.Itoa(i)))
		}
		if err := do(of(ts), ts, replaced); err != nil {
			ts.Fatalf("%s, for %d: %v", args[1], i, err)
		}
	}
}

// apply FILE [NAME=VALUE...] declares the objects of a file, in which variables are expanded.
func apply(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	more := map[string]string{}
	for _, pair := range args[1:] {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return errUsage
		}
		more[name] = value
	}
	objects, err := s.declared(ts, args[0], more)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if s.server == shared.server && object.GetNamespace() == controlPlane && strings.HasPrefix(object.GetName(), "argocd-") {
			return fmt.Errorf("%s holds for all Applications of a server, and this one has those of other scripts: start one of your own", object.GetName())
		}
		if err := s.cluster.api.apply(s.ctx, object); err != nil {
			return err
		}
	}
	return nil
}

// declared reads the objects of a file, each in the namespace where it belongs.
func (s *script) declared(ts *testscript.TestScript, file string, more map[string]string) ([]*unstructured.Unstructured, error) {
	text, err := s.expand(ts, ts.ReadFile(file), more)
	if err != nil {
		return nil, err
	}
	objects, err := decode(text, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, object := range objects {
		if group := object.GroupVersionKind().Group; object.GetNamespace() == "" && group == "argoproj.io" {
			object.SetNamespace(s.server.namespace)
		} else if object.GetNamespace() == "" && object.GetKind() != "Namespace" {
			object.SetNamespace(s.name)
		}
	}
	return objects, nil
}

// refused FILE [by=server] waits until the API server would refuse what a file declares: a rule that is made holds a
// moment later.
func refused(s *script, ts *testscript.TestScript, args []string) error {
	return s.tried(ts, args, true)
}

// accepted FILE [by=server] waits until the API server would accept what a file declares.
func accepted(s *script, ts *testscript.TestScript, args []string) error {
	return s.tried(ts, args, false)
}

func (s *script) tried(ts *testscript.TestScript, args []string, refusal bool) error {
	if len(args) == 0 {
		return errUsage
	}
	given, err := options(args[1:], "by")
	if err != nil {
		return err
	}
	who := s.cluster.api
	if given["by"] == "server" {
		if who, err = who.as(s.server.user()); err != nil {
			return err
		}
	}
	objects, err := s.declared(ts, args[0], nil)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := who.try(s.ctx, object, refusal); err != nil {
			return err
		}
	}
	return nil
}

// edit KIND NAME PATCH changes an object by hand: by a JSON merge patch, or by a JSON patch when it is a list.
func edit(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) != 3 {
		return errUsage
	}
	return s.cluster.api.edit(s.ctx, s.where(args[0], args[1]), args[2])
}

// remove KIND NAME [orphan|foreground] deletes an object by hand.
func remove(s *script, _ *testscript.TestScript, args []string) error {
	propagation := metav1.DeletePropagationBackground
	switch {
	case len(args) == 3 && args[2] == "orphan":
		propagation = metav1.DeletePropagationOrphan
	case len(args) == 3 && args[2] == "foreground":
		propagation = metav1.DeletePropagationForeground
	case len(args) != 2:
		return errUsage
	}
	return s.cluster.api.remove(s.ctx, s.where(args[0], args[1]), propagation)
}

// await KIND NAME [PATH VALUE]... waits until an object exists and has the values, all at once.
func await(s *script, _ *testscript.TestScript, args []string) error {
	if len(args) < 2 || len(args)%2 != 0 {
		return errUsage
	}
	var conditions []condition
	for pair := range slices.Chunk(args[2:], 2) {
		conditions = append(conditions, condition{pair[0], pair[1]})
	}
	return s.cluster.api.await(s.ctx, s.where(args[0], args[1]), conditions)
}

// gone KIND NAME waits until an object does not exist.
func gone(s *script, _ *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	return s.cluster.api.gone(s.ctx, s.where(args[0], args[1]))
}

// get KIND NAME PATH [VARIABLE] prints what is at a path, or puts it into a variable.
func get(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) != 3 && len(args) != 4 {
		return errUsage
	}
	text, err := s.cluster.api.get(s.ctx, s.where(args[0], args[1]), args[2])
	if err != nil {
		return err
	}
	if len(args) == 4 {
		ts.Setenv(args[3], text)
		return nil
	}
	fmt.Fprintln(ts.Stdout(), text)
	return nil
}

// told APP REASON MESSAGE waits for an event of an Application, as "kubectl get events" shows it.
func told(s *script, _ *testscript.TestScript, args []string) error {
	if len(args) != 3 {
		return errUsage
	}
	message, err := regexp.Compile(args[2])
	if err != nil {
		return err
	}
	return s.cluster.api.told(s.ctx, s.where("app", args[0]), args[1], message)
}

// columns KIND NAME prints the columns that kubectl shows.
func columns(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	header, row, err := s.cluster.api.columns(s.ctx, s.where(args[0], args[1]))
	fmt.Fprintf(ts.Stdout(), "%s\n%s\n", strings.Join(header, "|"), strings.Join(row, "|"))
	return err
}

// same A B compares two texts.
func same(_ *script, _ *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	if args[0] != args[1] {
		return fmt.Errorf("%q is not %q", args[0], args[1])
	}
	return nil
}

// match PATTERN TEXT VARIABLE sets a variable to what the pattern's first group matches.
func match(_ *script, ts *testscript.TestScript, args []string) error {
	if len(args) != 3 {
		return errUsage
	}
	pattern, err := regexp.Compile(args[0])
	if err != nil || pattern.NumSubexp() != 1 {
		return errUsage
	}
	found := pattern.FindStringSubmatch(args[1])
	if found == nil {
		return fmt.Errorf("%q does not match %q", args[1], args[0])
	}
	ts.Setenv(args[2], found[1])
	return nil
}

// synced APP [REVISION] waits until an Application is Synced, Healthy, at the revision, and done.
func synced(s *script, ts *testscript.TestScript, args []string) error {
	conditions := []condition{
		{".status.sync.status", "Synced"}, {".status.health.status", "Healthy"},
		{".status.operationState.phase", "Succeeded"}, {".operation", ""},
	}
	switch len(args) {
	case 1:
	case 2:
		conditions = append(conditions, condition{".status.sync.revision", args[1]}, condition{".status.operationState.syncResult.revision", args[1]})
	default:
		return errUsage
	}
	return s.cluster.api.await(s.ctx, s.where("app", args[0]), conditions)
}

// refresh APP [hard] asks for a look at the source and waits until the server took it.
func refresh(s *script, _ *testscript.TestScript, args []string) error {
	how := "normal"
	switch {
	case len(args) == 2 && args[1] == "hard":
		how = "hard"
	case len(args) != 1:
		return errUsage
	}
	t := s.where("app", args[0])
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"argocd.argoproj.io/refresh":%q}}}`, how)
	if err := s.cluster.api.edit(s.ctx, t, patch); err != nil {
		return err
	}
	return s.cluster.api.await(s.ctx, t, []condition{{`.metadata.annotations.argocd\.argoproj\.io/refresh`, ""}})
}

// runSyncline ARG... runs the command line, connected to the script's cluster. It has to succeed.
func runSyncline(s *script, ts *testscript.TestScript, args []string) error {
	if args[0] != "render" && args[0] != "version" {
		args = append(args, "--kubeconfig", s.cluster.Kubeconfig, "--control-plane", s.server.namespace)
	}
	if !slices.Contains(args, "--timeout") {
		args = append(args, "--timeout", strconv.Itoa(int(patience.Seconds())))
	}
	err := ts.Exec(s.binary, args...)
	for _, stream := range []string{"stdout", "stderr"} {
		s.canary.look("the output of syncline "+strings.Join(args, " "), []byte(ts.ReadFile(stream)))
	}
	return err
}

// runCode CODE ARG... runs the command line, which has to end with the exit code.
func runCode(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) < 2 {
		return errUsage
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		return errUsage
	}
	err = runSyncline(s, ts, args[1:])
	got := 0
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		got = exit.ExitCode()
	} else if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("the exit code is %d, not %d", got, want)
	}
	return nil
}

// logged PATTERN says whether a line that the server logged matches.
func logged(s *script, _ *testscript.TestScript, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	wanted, err := regexp.Compile(args[0])
	if err != nil {
		return errUsage
	}
	if line := s.server.log.find(wanted); line == "" {
		return fmt.Errorf("the server logged nothing that matches %q", args[0])
	}
	return nil
}

// expand FILE... replaces variables in files.
func expand(s *script, ts *testscript.TestScript, args []string) error {
	for _, name := range args {
		text, err := s.expand(ts, ts.ReadFile(name), nil)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := writeFile(ts.MkAbs(name), text); err != nil {
			return err
		}
	}
	return nil
}
