package git_test

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/edge/token"
)

// exchanging is a scene whose Git server takes the tokens of another server alone.
func exchanging(t *testing.T) (*scene, *testenv.TokenServer) {
	t.Helper()
	tokens, err := testenv.StartTokens(t.Context(), "canary")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tokens.Close() })
	s := newScene(t, testenv.GitOptions{Admits: tokens.Admits}, git.Options{Tokens: token.New(token.Options{})})
	s.repo.Exchange.GitHub = upstream.GitHubApp{ID: testenv.TokenApp, Key: sealed.Text(tokens.Key), API: tokens.URL + "/api/v3"}
	return s, tokens
}

// One token serves until it is refused, and then another one is taken, once.
func TestExchangedToken(t *testing.T) {
	s, tokens := exchanging(t)
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.refs(t.Context())
	wantFile(t, s.tree(commit), "a", "1")
	if tokens.Given() != 1 {
		t.Errorf("%d tokens were given", tokens.Given())
	}
	tokens.Revoke()
	s.refs(t.Context())
	if tokens.Given() != 2 {
		t.Errorf("%d tokens were given after the first was refused", tokens.Given())
	}
	for kind, exchange := range map[string]upstream.Exchange{
		"Azure":  {Azure: upstream.AzureIdentity{Client: "client", Tenant: "tenant", Secret: sealed.Text(tokens.Secret), Authority: tokens.URL}},
		"Google": {Google: sealed.Text(tokens.Google)},
	} {
		s.repo.Exchange = exchange
		if _, err := s.store.Refs(t.Context(), s.repo); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	wantNoFileWith(t, s.dir, "canary")
}

// A server that lets nobody in costs two tokens, and the error shows none.
func TestExchangedTokenIsRefused(t *testing.T) {
	s, tokens := exchanging(t)
	s.server.Fail(testenv.GitFault{Status: 401, Body: "canary"})
	_, err := s.store.Refs(t.Context(), s.repo)
	want(t, err, syncline.Denied, "access was refused", "check the user name and password or token in the test")
	if tokens.Given() != 2 || strings.Contains(err.Error(), "canary") {
		t.Errorf("%d tokens were given: %v", tokens.Given(), err)
	}
	s.server.Fail(testenv.GitFault{})
	tokens.Revoke()
	tokens.Refuse(403)
	_, err = s.store.Refs(t.Context(), s.repo)
	want(t, err, syncline.Denied, "there is no token of its GitHub App", "check that the App is installed where the repository is")
}

// Who has other credentials does not see what a token showed.
func TestExchangedAccess(t *testing.T) {
	s, _ := exchanging(t)
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	wantFile(t, s.tree(commit), "a", "1")
	other := s.repo
	other.Exchange.GitHub.Key = "nonsense"
	if _, err := s.store.Tree(t.Context(), other, commit); err == nil {
		t.Error("the files are shown to another key")
	}
}
