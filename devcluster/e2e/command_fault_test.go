package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/syncline-io/syncline/devcluster/e2e/internal/audit"
	"github.com/syncline-io/syncline/devcluster/e2e/internal/faultproxy"
	"github.com/syncline-io/syncline/internal/base/testenv"
)

// clusterCommand start gives the script a cluster of its own, with no server in it.
func clusterCommand(s *script, _ *testscript.TestScript, args []string) error {
	if len(args) != 1 || args[0] != "start" {
		return errUsage
	}
	return s.startCluster()
}

// serverCommand start [FLAG...]|kill|stop acts on the script's own server. The first start makes it, in a namespace of
// its own, which CP then names.
func serverCommand(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	if args[0] == "start" {
		err := s.startServer(args[1:])
		ts.Setenv("CP", s.server.namespace)
		return err
	}
	if s.server == nil || s.server == shared.server {
		return errors.New("the script has no server of its own")
	}
	switch args[0] {
	case "kill":
		return s.server.kill()
	case "stop":
		return s.server.stop()
	}
	return errUsage
}

// apiserver stop|start takes the API server of the script's own cluster away, and brings it back.
func apiserver(s *script, _ *testscript.TestScript, args []string) error {
	if s.cluster == shared.cluster {
		return errors.New("the script has no cluster of its own")
	}
	switch strings.Join(args, " ") {
	case "stop":
		return s.cluster.StopAPIServer()
	case "start":
		return s.cluster.StartAPIServer()
	}
	return errUsage
}

// fault do=kill|hold|cut|status=N ... arms a fault between the server and the API server; fault struck waits until all
// have struck; fault clear removes them.
func fault(s *script, _ *testscript.TestScript, args []string) error {
	switch strings.Join(args, " ") {
	case "struck":
		return s.awaitFaults()
	case "clear":
		for _, armed := range s.faults {
			armed.Remove()
		}
		return nil
	}
	given, err := options(args, "do", "status", "retry-after", "at", "nth", "times", "verb", "resource", "ns", "name", "about")
	if err != nil {
		return err
	}
	if s.server == shared.server && given["ns"] == "" && given["about"] == "" && given["name"] == "" {
		return errors.New("a fault of the shared server has to be about something of the script: give ns, name or about")
	}
	f, err := s.readFault(given)
	if err != nil {
		return err
	}
	s.faults = append(s.faults, s.server.proxy.Arm(f))
	return nil
}

func (s *script) readFault(given map[string]string) (f faultproxy.Fault, err error) {
	f.Match = faultproxy.Match{
		Verbs: []string{"write"}, Resource: given["resource"], Namespace: given["ns"], Name: given["name"], About: given["about"],
	}
	if given["verb"] != "" {
		f.Verbs = strings.Split(given["verb"], ",")
	}
	f.At = faultproxy.Moment(given["at"])
	for name, field := range map[string]*int{"status": &f.Status, "retry-after": &f.RetryAfter, "nth": &f.Nth, "times": &f.Times} {
		if *field, err = number(given, name); err != nil {
			return f, err
		}
	}
	switch own := s.server; given["do"] {
	case "kill":
		f.Do = func() { _ = own.kill() } // that it was killed is seen by what follows
	case "hold":
		f.Hold = true
	case "cut", "":
	default:
		return f, errUsage
	}
	return f, nil
}

// awaitFaults waits until every fault that is armed has struck.
func (s *script) awaitFaults() error {
	ctx, cancel := context.WithTimeout(s.ctx, *patience)
	defer cancel()
	for i, armed := range s.faults {
		select {
		case <-armed.Struck():
		case <-ctx.Done():
			return fmt.Errorf("fault %d has not struck after %s", i+1, *patience)
		}
	}
	return nil
}

// mark counts requests from now on.
func mark(s *script, _ *testscript.TestScript, args []string) (err error) {
	if len(args) != 0 {
		return errUsage
	}
	if s.git != nil {
		for _, kind := range []testenv.GitRequest{testenv.GitAny, testenv.GitInfoRefs, testenv.GitListRefs, testenv.GitFetchPack} {
			s.counted[kind] = s.git.Count(kind)
		}
	}
	s.mark, err = s.cluster.fence(s.ctx)
	return err
}

// auditCount COUNT [NAME=VALUE...] compares how many requests of the server the audit log has since the last mark.
// Without more, these are the accepted changes of objects in the script's namespace.
func auditCount(s *script, _ *testscript.TestScript, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	found, err := s.requests(args[1:])
	if err != nil {
		return err
	}
	if err := compare(args[0], len(found)); err != nil {
		return fmt.Errorf("%w:\n%s", err, list(found))
	}
	return nil
}

// list tells of requests, and of a few also what they carried, as far as a line has room.
func list(events []audit.Event) string {
	var text strings.Builder
	for _, e := range events {
		fmt.Fprintln(&text, " ", e)
		if len(events) <= 5 && len(e.Body) > 0 {
			fmt.Fprintf(&text, "    %.600s\n", e.Body)
		}
	}
	return text.String()
}

// requests returns the requests since the last mark that the options choose.
func (s *script) requests(args []string) ([]audit.Event, error) {
	given, err := options(args, "verb", "resource", "sub", "ns", "name", "by", "code", "dryrun", "uid", "manager", "body")
	if err != nil {
		return nil, err
	}
	chosen, err := s.filter(given)
	if err != nil {
		return nil, err
	}
	if _, err := s.cluster.fence(s.ctx); err != nil {
		return nil, err
	}
	events, _, _, err := s.cluster.log.Since(s.mark)
	var found []audit.Event
	for _, e := range events {
		if chosen(e) {
			found = append(found, e)
		}
	}
	return found, err
}

// filter reads what chooses requests.
func (s *script) filter(given map[string]string) (func(audit.Event) bool, error) {
	code, err := number(given, "code")
	if err != nil {
		return nil, err
	}
	body, err := regexp.Compile(given["body"])
	if err != nil {
		return nil, errUsage
	}
	user := given["by"]
	switch user {
	case "", "server":
		user = s.server.user()
	case "me":
		user = "syncline-e2e"
	}
	namespace, anywhere := given["ns"], given["ns"] == "*"
	if _, ok := given["ns"]; !ok {
		namespace, anywhere = s.name, given["resource"] == "applications" || given["resource"] == "appprojects"
	}
	return func(e audit.Event) bool {
		switch {
		case e.User != user && e.Agent != user,
			!anywhere && !glob(namespace, e.Namespace),
			given["name"] != "" && !glob(given["name"], e.Name),
			!s.ofResource(given["resource"], e), given["sub"] != e.Subresource,
			!ofVerb(given["verb"], e),
			given["dryrun"] != strconv.FormatBool(e.DryRun) && (given["dryrun"] != "" || e.DryRun),
			code != 0 && e.Code != code, code == 0 && e.Code >= 400,
			given["uid"] != "" && (given["uid"] == "true") != (e.Precondition != ""),
			given["manager"] != "" && given["manager"] != e.Manager,
			given["body"] != "" && !body.Match(e.Body):
			return false
		}
		return true
	}, nil
}

// ofResource reports whether a request is about the resource, or without one, about something that Syncline delivers.
func (s *script) ofResource(resource string, e audit.Event) bool {
	if resource == "" {
		return e.Resource != "applications" && e.Resource != "appprojects" && e.Resource != "events"
	}
	if other, denied := strings.CutPrefix(resource, "!"); denied {
		return !glob(other, e.Resource)
	}
	return glob(resource, e.Resource)
}

// ofVerb reports whether a request has one of the verbs, or without any, changes something.
func ofVerb(verbs string, e audit.Event) bool {
	if verbs == "" {
		verbs = "create,update,patch,delete,deletecollection"
	}
	return slices.Contains(strings.Split(verbs, ","), e.Verb)
}

func glob(pattern, text string) bool {
	ok, err := path.Match(pattern, text)
	return ok && err == nil
}

// order NAME... checks that the server first wrote objects of these names, or RESOURCE/NAME, in this order.
func order(s *script, _ *testscript.TestScript, args []string) error {
	written, err := s.requests([]string{"verb=create,update,patch,delete"})
	if err != nil {
		return err
	}
	last := -1
	for _, wanted := range args {
		resource, name, ok := strings.Cut(wanted, "/")
		if !ok {
			resource, name = "*", wanted
		}
		position := -1
		for i, e := range written {
			if glob(resource, e.Resource) && glob(name, e.Name) {
				position = i
				break
			}
		}
		if position <= last {
			return fmt.Errorf("%s was not written after what comes before it:\n%s", wanted, list(written))
		}
		last = position
	}
	return nil
}
