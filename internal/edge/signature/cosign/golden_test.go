package cosign_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/edge/signature/cosign"
	"github.com/syncline-io/syncline/internal/edge/signature/cosign/sigstoretest"
)

var program = flag.String("cosign", "", "the cosign program of tools/cosign, to be compared with")

// TestAsCosign has the real program judge the same bundles, by sigstore-go: it accepts and
// refuses the same ones, but for those of which the table says why not.
func TestAsCosign(t *testing.T) {
	s, stranger := sigstoretest.New(t), sigstoretest.New(t)
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	root := s.TrustedRoot(nil)
	trust, err := cosign.Read(jane(root))
	if err != nil {
		t.Fatal(err)
	}
	trusted := write("root.json", []byte(root))
	for name, test := range identities(s, stranger) {
		if *program == "" {
			break
		}
		bundle := spoiled(s.Bundle(digest, test.how), test.spoil).AsBundle()
		who := jane(root).Identities[0]
		out, err := exec.CommandContext(t.Context(), *program, "verify-blob-attestation", //nolint:gosec // that of the flag
			"--bundle", write("bundle.json", bundle.Bundle), "--trusted-root", trusted, fmt.Sprintf("--use-signed-timestamps=%t", test.how.Second || !test.how.Stamped.IsZero()),
			"--certificate-identity-regexp", who.Subject, "--certificate-oidc-issuer-regexp", who.Issuer,
			"--type", "https://sigstore.dev/cosign/sign/v1", "--digestAlg", "sha256", "--digest", strings.TrimPrefix(digest, "sha256:")).CombinedOutput()
		ours := trust.Verify(digest, []signing.Beside{bundle})
		if accepted := err == nil; accepted != (ours == nil) && test.stricter == "" || test.stricter != "" && !accepted {
			t.Errorf("%s: cosign accepts it: %t; here: %v\n%s", name, accepted, ours, out)
		}
	}
}

// TestByTheProgram verifies what version 3.1.3 of the program signed by a key, with a
// signing configuration that names no log: cosign sign --key … --bundle bundle.json.
func TestByTheProgram(t *testing.T) {
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join("testdata", "by-key", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	trust, err := cosign.Read(signing.Artifact{Keys: map[string]string{"cosign.pub": read("cosign.pub")}})
	if err != nil {
		t.Fatal(err)
	}
	beside := []signing.Beside{{Bundle: []byte(read("bundle.json"))}}
	if err := trust.Verify(read("digest"), beside); err != nil {
		t.Error(err)
	}
	if trust.Verify(digest, beside) == nil {
		t.Error("verified for another artifact")
	}
}
