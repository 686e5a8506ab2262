package fetch_test

import (
	"encoding/pem"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/edge/signature/cosign/sigstoretest"
)

var program = flag.String("cosign", "", "the cosign program of tools/cosign, to be compared with")

// cosign runs the program on an artifact of the registry, in a folder.
func (g *gallery) cosign(dir, artifact string, args ...string) (string, error) {
	g.t.Helper()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.server.Certificate().Raw}), 0o600); err != nil {
		g.t.Fatal(err)
	}
	if artifact != "" {
		args = append(args, "--registry-cacert", ca, strings.TrimPrefix(artifact, "oci://"))
	}
	command := exec.CommandContext(g.t.Context(), *program, args...) //nolint:gosec // that of the flag
	command.Dir, command.Env = dir, []string{"HOME=" + dir, "COSIGN_PASSWORD=throw away", "COSIGN_YES=true"}
	out, err := command.CombinedOutput()
	return string(out), err
}

// TestAsCosign has the real program sign by a key, which verifies here; and verify what is
// signed here in both forms, of which it refuses the same.
func TestAsCosign(t *testing.T) {
	if *program == "" {
		return
	}
	g, dir := newGallery(t), t.TempDir()
	for name, text := range map[string]string{
		"root.json": g.sigstore.TrustedRoot(nil), "config.json": `{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	digest := g.push("team/keys", "v1", typeFlux, "a.yaml", "a")
	for _, step := range [][]string{
		{"", "generate-key-pair"},
		{g.address("team/keys") + "@" + digest, "sign", "--key", "cosign.key", "--signing-config", "config.json", "--trusted-root", "root.json"},
	} {
		if out, err := g.cosign(dir, step[0], step[1:]...); err != nil {
			t.Fatalf("%s: %v\n%s", step, err, out)
		}
	}
	public, err := os.ReadFile(filepath.Join(dir, "cosign.pub"))
	if err != nil {
		t.Fatal(err)
	}
	_, strange := newSigner(t)
	g.wants("signed by the program", syncline.Source{
		RepoURL: g.address("team/keys"), TargetRevision: "v1", Signed: &signing.Artifact{Keys: map[string]string{"cosign.pub": string(public)}},
	}, "")
	g.wants("signed by the program with another key", syncline.Source{
		RepoURL: g.address("team/keys"), TargetRevision: "v1", Signed: &signing.Artifact{Keys: map[string]string{"cosign.pub": strange}},
	}, syncline.Denied, "not by a key that is trusted")

	day := sigstoretest.Since().AddDate(0, 0, 1)
	for name, how := range map[string]sigstoretest.How{
		"good": {}, "bob": {Subject: "bob@example.com"}, "late": {Logged: day.AddDate(0, 0, 1)}, "unpublished": {Unpublished: true},
		"elsewhere": {Log: sigstoretest.New(t).Log()},
	} {
		for form, sign := range map[string]func(digest string) signing.Beside{
			"bundle": func(digest string) signing.Beside { return g.sigstore.Bundle(digest, how).AsBundle() },
			"layer":  func(digest string) signing.Beside { return g.sigstore.Simple(digest, how).AsLayer() },
		} {
			path := "team/" + name + "-" + form
			digest := g.push(path, "v1", typeFlux, "a.yaml", path)
			g.sign(path, digest, sign(digest))
			_, ours := g.tree(syncline.Source{RepoURL: g.address(path), TargetRevision: "v1", Signed: g.rule(nil)})
			who := g.rule(nil).Identities[0]
			out, err := g.cosign(dir, g.address(path)+"@"+digest, "verify", "--trusted-root", "root.json",
				"--certificate-identity-regexp", who.Subject, "--certificate-oidc-issuer-regexp", who.Issuer)
			if (err == nil) != (ours == nil) || (ours == nil) != (name == "good") {
				t.Errorf("%s: cosign: %v; here: %v\n%s", path, err, ours, out)
			}
		}
	}
}
