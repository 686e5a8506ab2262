package e2e_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/syncline-io/syncline/internal/base/testenv"
)

// tokenserver starts a server that exchanges the credentials of GitHub Apps and of clouds, and a Git server that takes its
// tokens alone. TOKENHOST is its address, APPKEY the private key of the App 1234 and GOOGLEKEY that of a service account,
// both in base64, and AZURESECRET that of the principal "client" of "tenant".
func tokenserver(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) > 0 {
		return errUsage
	}
	var err error
	if s.tokens, err = testenv.StartTokens(s.ctx, s.canary.value); err != nil {
		return err
	}
	s.closing(s.tokens.Close)
	if _, err := s.gitServer(testenv.GitOptions{Admits: s.tokens.Admits}); err != nil {
		return err
	}
	s.canary.hide(s.tokens.Key)
	ts.Setenv("TOKENHOST", s.tokens.URL)
	ts.Setenv("APPKEY", base64.StdEncoding.EncodeToString([]byte(s.tokens.Key)))
	ts.Setenv("GOOGLEKEY", base64.StdEncoding.EncodeToString([]byte(s.tokens.Google)))
	ts.Setenv("AZURESECRET", s.tokens.Secret)
	return nil
}

// tokens revoke | refuse STATUS | given COUNT ends all tokens, has the server refuse to give any (0 ends that), or compares
// how many it gave.
func tokens(s *script, _ *testscript.TestScript, args []string) error {
	switch {
	case s.tokens == nil, len(args) == 0:
		return errUsage
	case args[0] == "revoke" && len(args) == 1:
		s.tokens.Revoke()
		return nil
	case args[0] == "refuse" && len(args) == 2:
		status, err := strconv.Atoi(args[1])
		s.tokens.Refuse(status)
		return err
	case args[0] == "given" && len(args) == 2:
		return compare(args[1], s.tokens.Given())
	}
	return errUsage
}

// lfsserver user=U password=P starts a server of Git LFS at the repositories of a Git server with access control.
func lfsserver(s *script, _ *testscript.TestScript, args []string) error {
	given, err := options(args, "user", "password")
	if err != nil {
		return err
	}
	if s.large, err = testenv.StartLFS(s.ctx, "RemoteAuth "+s.canary.value); err != nil {
		return err
	}
	s.closing(s.large.Close)
	_, err = s.gitServer(testenv.GitOptions{Username: given["user"], Password: given["password"], LFS: s.large})
	return err
}

// lfs FILE... | spoil | mend gives the content of files to the server of Git LFS and leaves pointers in their place, or has it
// send other content from now on.
func large(s *script, ts *testscript.TestScript, args []string) error {
	if s.large == nil || len(args) == 0 {
		return errUsage
	}
	if args[0] == "spoil" || args[0] == "mend" {
		s.large.Spoil(args[0] == "spoil")
		return nil
	}
	for _, name := range args {
		text, err := os.ReadFile(ts.MkAbs(name))
		if err != nil {
			return err
		}
		if err := writeFile(ts.MkAbs(name), s.large.Put(string(text))); err != nil {
			return err
		}
	}
	return nil
}

// submodule FOLDER PATH OTHER has the next commit of a folder name the last one of another at a path.
func submodule(s *script, _ *testscript.TestScript, args []string) error {
	if len(args) != 3 || s.repos[args[2]] == nil {
		return errUsage
	}
	commit, err := s.repos[args[2]].Git(s.ctx, "rev-parse", "refs/heads/main")
	if err != nil {
		return fmt.Errorf("the commit of %s: %w", args[2], err)
	}
	if s.modules[args[0]] == nil {
		s.modules[args[0]] = map[string]string{}
	}
	s.modules[args[0]][strings.Trim(args[1], "/")] = commit
	return nil
}
