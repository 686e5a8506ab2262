package e2e_test

import (
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/syncline-io/syncline/internal/base/testenv"
)

// signer NAME makes a GPG key. NAME_ID is its ID, and NAME_KEY the public key, with line ends as in JSON.
func signer(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	if s.signing == nil {
		signing, err := testenv.NewSigning()
		if err != nil {
			return err
		}
		s.closing(signing.Close)
		s.signing = signing
	}
	key, err := s.signing.NewGPGKey(s.ctx, args[0], "ed25519", "never")
	if err != nil {
		return err
	}
	armored, err := s.signing.ExportGPG(s.ctx, key)
	ts.Setenv(args[0]+"_ID", key[24:])
	ts.Setenv(args[0]+"_KEY", strings.ReplaceAll(armored, "\n", `\n`))
	return err
}

// sign FOLDER NAME [REF] signs the last commit of the folder's repository again by a key, or makes a signed tag of REF. REV
// gets the commit, or the tag.
func sign(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) < 2 || s.repos[args[0]] == nil || s.signing == nil {
		return errUsage
	}
	ref := "refs/heads/main"
	if len(args) == 3 {
		ref = args[2]
	}
	signed, err := s.repos[args[0]].Sign(s.ctx, s.signing, ref, "user.signingkey="+ts.Getenv(args[1]+"_ID"))
	ts.Setenv("REV", signed)
	return err
}
