package e2e_test

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/syncline-io/syncline/internal/base/testenv"
)

// options reads arguments of the form NAME=VALUE. A bare word is a name with the value "true".
func options(args []string, known ...string) (map[string]string, error) {
	read := map[string]string{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			value = "true"
		}
		if _, twice := read[name]; twice || !slices.Contains(known, name) {
			return nil, fmt.Errorf("%w: %s", errUsage, arg)
		}
		read[name] = value
	}
	return read, nil
}

// number reads an option; a missing one is 0.
func number(options map[string]string, name string) (int, error) {
	text, ok := options[name]
	if !ok {
		return 0, nil
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%w: %s=%s is no number", errUsage, name, text)
	}
	return value, nil
}

// gitserver [user=U password=P] [token=T] [legacy] [whole] starts the script's Git server with access control.
func gitserver(s *script, _ *testscript.TestScript, args []string) error {
	given, err := options(args, "user", "password", "token", "legacy", "whole")
	if err != nil {
		return err
	}
	_, err = s.gitServer(testenv.GitOptions{
		Username: given["user"], Password: given["password"], Token: given["token"], Legacy: given["legacy"] != "", Whole: given["whole"] != "",
	})
	return err
}

// sshserver serves the script's repositories by ssh too. SSHHOST is what the addresses of all repositories begin with,
// SSHKEY the private key that is let in and SSHKNOWN the server's own, the first in base64.
func sshserver(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) > 0 {
		return errUsage
	}
	repositories, err := s.gitServer(testenv.GitOptions{})
	if err != nil {
		return err
	}
	server, err := testenv.StartSSH(s.ctx, repositories)
	if err != nil {
		return err
	}
	s.closing(server.Close)
	ts.Setenv("SSHHOST", strings.TrimSuffix(server.URL(""), "/.git"))
	s.canary.hide(server.Key)
	ts.Setenv("SSHKEY", base64.StdEncoding.EncodeToString([]byte(server.Key)))
	ts.Setenv("SSHKNOWN", strings.TrimSpace(server.KnownHosts))
	return nil
}

// repo FOLDER makes a repository of a folder's files. A variable of that name gets its URL, REV
// its commit, and GITHOST what the URLs of all repositories begin with.
func repo(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	server, err := s.gitServer(testenv.GitOptions{})
	if err != nil {
		return err
	}
	name := args[0]
	if s.repos[name], err = server.Create(s.ctx, s.name+"/"+name); err != nil {
		return err
	}
	ts.Setenv(name, s.repos[name].URL)
	ts.Setenv("GITHOST", strings.TrimSuffix(server.URL(""), "/.git"))
	return commit(s, ts, args)
}

// commit FOLDER [branch=B] makes a branch of the folder's repository hold the folder's files, and nothing else.
func commit(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) == 0 || s.repos[args[0]] == nil {
		return errUsage
	}
	given, err := options(args[1:], "branch")
	if err != nil {
		return err
	}
	change, err := content(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	r := s.repos[args[0]]
	change.Branch, change.Submodules = given["branch"], s.modules[args[0]]
	branch := change.Branch
	if branch == "" {
		branch = "main"
	}
	if head, err := r.Git(s.ctx, "rev-parse", "--verify", "--quiet", "refs/heads/"+branch); err == nil && head != "" {
		before, err := r.Git(s.ctx, "ls-tree", "-r", "--name-only", "-z", head)
		if err != nil {
			return err
		}
		change.Delete = strings.FieldsFunc(before, func(c rune) bool { return c == 0 })
	}
	revision, err := r.Commit(s.ctx, change)
	ts.Setenv("REV", revision)
	return err
}

// content reads a folder, its links as links.
func content(folder string) (testenv.GitCommit, error) {
	change := testenv.GitCommit{Files: map[string]string{}, Links: map[string]string{}}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			change.Links[name], err = os.Readlink(path)
			return err
		}
		text, err := os.ReadFile(path)
		change.Files[name] = string(text)
		return err
	})
	return change, err
}

// tag FOLDER NAME [MESSAGE] tags the last commit, with an annotated tag when there is a message.
func tag(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) < 2 || len(args) > 3 || s.repos[args[0]] == nil {
		return errUsage
	}
	message := ""
	if len(args) == 3 {
		message = args[2]
	}
	return s.repos[args[0]].Tag(s.ctx, args[1], ts.Getenv("REV"), message)
}

// git FOLDER ARG... runs git in a repository. What it prints is in the variable GIT.
func git(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) < 2 || s.repos[args[0]] == nil {
		return errUsage
	}
	out, err := s.repos[args[0]].Git(s.ctx, args[1:]...)
	ts.Setenv("GIT", out)
	return err
}

// gitfault status=N|hang|drop=BYTES|clear [request=KIND] [repo=FOLDER] makes Git requests fail from now on.
func gitfault(s *script, _ *testscript.TestScript, args []string) error {
	given, err := options(args, "status", "hang", "drop", "clear", "request", "repo", "location")
	if err != nil {
		return err
	}
	fault := testenv.GitFault{
		Request: testenv.GitRequest(given["request"]), Hang: given["hang"] != "", Body: "injected fault", Location: given["location"],
	}
	if fault.Status, err = number(given, "status"); err != nil {
		return err
	}
	drop, err := number(given, "drop")
	if err != nil {
		return err
	}
	fault.DropAfter = int64(drop)
	if given["repo"] != "" {
		fault.Repo = s.name + "/" + given["repo"]
	}
	if given["clear"] != "" {
		fault = testenv.GitFault{}
	}
	s.git.Fail(fault)
	return nil
}

// gitcount KIND COUNT compares how many requests of a kind came since the last mark.
func gitcount(s *script, _ *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	if folder, ok := strings.CutPrefix(args[0], "repo="); ok {
		return compare(args[1], s.git.CountOf(s.name+"/"+folder))
	}
	kind := testenv.GitRequest(args[0])
	return compare(args[1], s.git.Count(kind)-s.counted[kind])
}

// compare holds a count against N, <=N or >=N.
func compare(want string, got int) error {
	relation := strings.TrimRight(want, "0123456789")
	n, err := strconv.Atoi(strings.TrimPrefix(want, relation))
	if err != nil {
		return errUsage
	}
	var ok bool
	switch relation {
	case "":
		ok = got == n
	case "<=":
		ok = got <= n
	case ">=":
		ok = got >= n
	default:
		return errUsage
	}
	if !ok {
		return fmt.Errorf("it is %d, not %s", got, want)
	}
	return nil
}

func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }
