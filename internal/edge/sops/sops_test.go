package sops_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/edge/sops"
	"github.com/syncline-io/syncline/internal/edge/sops/document"
)

func goldenNamed(t testing.TB, name string) golden {
	t.Helper()
	return readGolden(t, "testdata/golden/"+name+".txtar")
}

// TestWhatWasChangedIsRefused changes an encrypted file in every way that the
// authentication has to notice.
func TestWhatWasChangedIsRefused(t *testing.T) {
	text := string(goldenNamed(t, "manifest.yml").files["encrypted"])
	value := func(name string) string {
		_, rest, _ := strings.Cut(text, name+": ")
		line, _, _ := strings.Cut(rest, "\n")
		return line
	}
	for what, test := range map[string]struct{ from, to, want string }{
		"a value in clear":       {"type: Opaque", "type: Evil", "authentication code"},
		"a value that is gone":   {"type: Opaque\n", "", "authentication code"},
		"values exchanged":       {value("password"), value("token"), `the value of "stringData:password" is not what was encrypted there`},
		"a value not encrypted":  {value("password"), "hunter2", `the value of "stringData:password" is not encrypted, and has to be`},
		"a number":               {value("password"), "17", `the value of "stringData:password" is not encrypted, and has to be`},
		"a key renamed":          {"password: ENC", "passw0rd: ENC", `the value of "stringData:passw0rd" is not what`},
		"another type":           {value("password"), strings.Replace(value("password"), "type:str", "type:int", 1), `the value of "stringData:password" is no int`},
		"a code of another file": {"mac: " + value("mac"), "mac: " + value("password"), "authentication code"},
		"no code":                {"    mac: " + value("mac") + "\n", "", "authentication code"},
		"an empty code":          {"mac: " + value("mac"), `mac: ""`, "authentication code"},
		"another time":           {"lastmodified: \"20", "lastmodified: \"19", "authentication code"},
		"no time":                {"lastmodified: \"20", "lastmodified: \"soon20", `no time in "lastmodified"`},
		"another rule":           {"encrypted_regex: ^(data|stringData)$", "encrypted_regex: ^data$", "authentication code"},
		"a rule that is none":    {"encrypted_regex: ^(data|stringData)$", "encrypted_regex: (", "encrypted_regex is no regular expression"},
		"two rules":              {"encrypted_regex:", "encrypted_suffix: x\n    encrypted_regex:", "more than one rule"},
		"no recipient":           {"    age:\n", "    old:\n", "no recipient"},
		"a key twice":            {"type: Opaque", "type: Opaque\ntype: Opaque", `"type" is there twice`},
		"no YAML":                {"type: Opaque", "type: [", "is no YAML"},
		"a merge conflict":       {"type: Opaque", "<<<<<<< HEAD\ntype: Opaque", "is no YAML"},
	} {
		t.Run(what, func(t *testing.T) {
			changed := strings.Replace(text, test.from, test.to, 1)
			if changed == text {
				t.Fatal("nothing was changed")
			}
			got, err := sops.New(sops.Options{}).Decrypt(t.Context(), keys(t, "shop", "age.agekey"), "app/secret.yaml", []byte(changed))
			if err == nil || got != nil || syncline.KindOf(err) != syncline.Invalid || syncline.HintOf(err) == "" {
				t.Fatalf("%q, %v (%s)", got, err, syncline.KindOf(err))
			}
			if !strings.HasPrefix(err.Error(), "app/secret.yaml is encrypted by sops") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("it says: %v", err)
			}
			for _, secret := range []string{"horse", "hunter2", "AGE-SECRET"} {
				if strings.Contains(err.Error()+syncline.HintOf(err), secret) {
					t.Errorf("it shows %q: %v", secret, err)
				}
			}
		})
	}
}

// TestWhoCanDecrypt says which keys of which groups are needed, and what others are told.
func TestWhoCanDecrypt(t *testing.T) {
	for name, test := range map[string]struct {
		golden string
		keys   []string
		want   string
	}{
		"two of three":        {"groups-two-of-three.yaml", []string{"age-second.agekey", "pgp-open.asc"}, ""},
		"all of three":        {"groups-two-of-three.yaml", []string{"age.agekey", "age-second.agekey", "pgp-open.asc"}, ""},
		"one of three":        {"groups-two-of-three.yaml", []string{"pgp-open.asc"}, "2 of its 3 groups of keys are needed, and 1 could be used"},
		"another in a group":  {"groups-all.json", []string{"pgp-curve.asc", "ssh_ed25519"}, ""},
		"a group is missing":  {"groups-all.json", []string{"pgp-curve.asc", "age.agekey"}, "2 of its 2 groups of keys are needed, and 1 could be used"},
		"any of several":      {"several.yaml", []string{"pgp-open.asc"}, ""},
		"a stranger":          {"several.yaml", []string{"age-stranger.agekey", "pgp-curve.asc"}, "no key fits; it is encrypted for age1"},
		"nobody":              {"several.yaml", nil, `there are no keys of project "shop"`},
		"a PGP key among age": {"several.yaml", []string{"age-stranger.agekey", "pgp-open.asc"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := goldenNamed(t, test.golden)
			plain, err := sops.New(sops.Options{}).Decrypt(t.Context(), keys(t, "shop", test.keys...), g.name, g.files["encrypted"])
			switch {
			case test.want == "":
				if err != nil || !bytes.Equal(plain, g.files["decrypted"]) {
					t.Errorf("%q, %v", plain, err)
				}
			case err == nil || !strings.Contains(err.Error(), test.want) || syncline.KindOf(err) != syncline.Invalid:
				t.Errorf("%q, %v, want %q", plain, err, test.want)
			}
		})
	}
}

// TestKeysThatCannotBeRead are refused, and not shown.
func TestKeysThatCannotBeRead(t *testing.T) {
	secret := sealed.Text("AGE-SECRET-KEY-1QQQQ")
	locked := sealed.Text(key(t, "pgp-locked.asc"))
	for name, read := range map[string]func() (sops.Service, error){
		"no age identity":      func() (sops.Service, error) { return sops.NewAge(secret) },
		"no SSH key":           func() (sops.Service, error) { return sops.NewAge("-----BEGIN OPENSSH PRIVATE KEY-----\nQQQQ") },
		"no PGP key":           func() (sops.Service, error) { return sops.NewPGP(sops.PGPKey{Armored: secret}) },
		"no passphrase":        func() (sops.Service, error) { return sops.NewPGP(sops.PGPKey{Armored: locked}) },
		"another's passphrase": func() (sops.Service, error) { return sops.NewPGP(sops.PGPKey{Armored: locked, Passphrase: "QQQQ"}) },
		"too many age identities": func() (sops.Service, error) {
			return sops.NewAge(sealed.Text(strings.Repeat(key(t, "age.agekey"), 101)))
		},
	} {
		_, err := read()
		if syncline.KindOf(err) != syncline.Invalid || strings.Contains(err.Error(), "QQQQ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOneCallForManyFiles has 500 files of one data key, of which the service is asked
// once, also when all ask at once.
func TestOneCallForManyFiles(t *testing.T) {
	s := newVaultSealer(t, "https://vault.example.com", "key")
	files := make(memory, 500)
	var paths []string
	for i := range 500 {
		at := fmt.Sprintf("app/%d.yaml", i)
		files[at] = s.file(document.YAML, fmt.Sprintf("password: secret-%d\n", i))
		paths = append(paths, at)
	}
	var calls atomic.Int64
	asked := make(chan struct{})
	keys := sops.NewKeys("shop", map[sops.Kind]sops.Service{sops.Vault: service(func(_ context.Context, key sops.Key) ([]byte, error) {
		if calls.Add(1) == 1 {
			close(asked)
		}
		return s.dataKey, nil
	})}, nil)
	tree := sops.New(sops.Options{}).Tree(t.Context(), files, keys)
	for i, read := range syncline.ReadFiles(tree, paths) {
		if want := fmt.Sprintf("password: secret-%d\n", i); read.Err != nil || string(read.Data) != want {
			t.Fatalf("%s: %q, %v", paths[i], read.Data, read.Err)
		}
	}
	<-asked
	if calls.Load() != 1 {
		t.Errorf("the service was asked %d times", calls.Load())
	}
}

// TestWhatIsKeptIsTheOwners: another project, other keys and a later time ask again.
func TestWhatIsKeptIsTheOwners(t *testing.T) {
	s := newVaultSealer(t, "https://vault.example.com", "key")
	text := []byte(s.file(document.YAML, "a: b\n"))
	now := time.Unix(0, 0)
	decrypter := sops.New(sops.Options{Keep: time.Minute, Now: func() time.Time { return now }})
	calls := 0
	yields := map[sops.Kind]sops.Service{sops.Vault: service(func(context.Context, sops.Key) ([]byte, error) { calls++; return s.dataKey, nil })}
	refuses := map[sops.Kind]sops.Service{sops.Vault: service(func(context.Context, sops.Key) ([]byte, error) {
		calls++
		return nil, syncline.Errorf(syncline.Denied, "permission denied")
	})}
	token := func(text string) map[string]sealed.Text {
		return map[string]sealed.Text{"token": sealed.Text(text)}
	}
	for _, step := range []struct {
		what  string
		after time.Duration
		keys  sops.Keys
		calls int
		fails bool
	}{
		{"the first", 0, sops.NewKeys("shop", yields, token("a")), 1, false},
		{"the second", time.Second, sops.NewKeys("shop", refuses, token("a")), 1, false},
		{"another project", 0, sops.NewKeys("other", refuses, token("a")), 2, true},
		{"other keys", 0, sops.NewKeys("shop", refuses, token("b")), 3, true},
		{"what failed is asked again", 0, sops.NewKeys("shop", yields, token("b")), 4, false},
		{"after its time", time.Minute, sops.NewKeys("shop", refuses, token("a")), 5, true},
	} {
		now = now.Add(step.after)
		_, err := decrypter.Decrypt(t.Context(), step.keys, "a.yaml", text)
		if (err != nil) != step.fails || calls != step.calls {
			t.Errorf("%s: %v after %d calls, want %d", step.what, err, calls, step.calls)
		}
		if err != nil && !strings.Contains(err.Error(), "https://vault.example.com/v1/transit/keys/key: permission denied") {
			t.Errorf("%s: it says %v", step.what, err)
		}
	}
}

// TestWhoGivesUpEndsNobodyElses: the one call goes on for those who still wait for it,
// and ends with the last.
func TestWhoGivesUpEndsNobodyElses(t *testing.T) {
	s := newVaultSealer(t, "https://vault.example.com", "key")
	text := []byte(s.file(document.YAML, "a: b\n"))
	asked, answer, ended := make(chan struct{}, 2), make(chan struct{}), make(chan struct{}, 2)
	keys := sops.NewKeys("shop", map[sops.Kind]sops.Service{sops.Vault: service(func(ctx context.Context, _ sops.Key) ([]byte, error) {
		asked <- struct{}{}
		select {
		case <-answer:
			return s.dataKey, nil
		case <-ctx.Done():
			ended <- struct{}{}
			return nil, ctx.Err()
		}
	})}, nil)
	decrypter := sops.New(sops.Options{})
	first, cancel := context.WithCancel(t.Context())
	results := make(chan error, 2)
	decrypt := func(ctx context.Context) {
		_, err := decrypter.Decrypt(ctx, keys, "a.yaml", text)
		results <- err
	}
	go decrypt(first)
	<-asked
	cancel()
	if err := <-results; !errors.Is(err, context.Canceled) || syncline.KindOf(err) != syncline.Transient {
		t.Errorf("who gave up got %v", err)
	}
	<-ended // nobody waits any more
	go decrypt(t.Context())
	<-asked
	close(answer)
	if err := <-results; err != nil {
		t.Errorf("who came later got %v", err)
	}
}

// TestBounds refuses what is larger than anybody's, with the limit.
func TestBounds(t *testing.T) {
	text := string(goldenNamed(t, "manifest.yml").files["encrypted"])
	recipient := "        - recipient: age1x\n          enc: x\n"
	for name, test := range map[string]struct{ text, want string }{
		"a large file":        {text + strings.Repeat("# comment\n", 450_000), "encrypted files of at most 4194304 are read"},
		"many recipients":     {strings.Replace(text, "    age:\n", "    age:\n"+strings.Repeat(recipient, 300), 1), "it has 301 recipients in 1 groups: at most 256 in 32"},
		"a large wrapped key": {strings.Replace(text, "enc: |\n", "enc: |\n"+strings.Repeat("            "+strings.Repeat("A", 64)+"\n", 2000), 1), "at most 65536 are read"},
		"nested deeply":       {strings.Replace(text, "type: Opaque", "type: "+strings.Repeat("[", 250)+strings.Repeat("]", 250), 1), "too many values, or they are nested too deeply"},
		"aliases of aliases":  {strings.Replace(text, "type: Opaque", laughs(), 1), "too many values"},
		"long keys":           {strings.Replace(text, "type: Opaque", "type: {? "+strings.Repeat("k", 9000)+" : a}", 1), "too many values, or they are nested too deeply"},
	} {
		_, err := sops.New(sops.Options{}).Decrypt(t.Context(), keys(t, "shop", "age.agekey"), "a.yaml", []byte(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 4000 {
			t.Errorf("%s: %.500v", name, err)
		}
	}
}

// laughs is a small YAML text of a thousand million values.
func laughs() string {
	var out strings.Builder
	out.WriteString("l0: &l0 [x]\n")
	for i := range 9 {
		fmt.Fprintf(&out, "l%d: &l%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d, ", i), 10), ", "))
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// TestIs tells what is encrypted from what only speaks of it.
func TestIs(t *testing.T) {
	text := func(name string) string { return string(goldenNamed(t, name).files["encrypted"]) }
	value := "ENC[AES256_GCM,data:YQ==,iv:YQ==,tag:YQ==,type:str]"
	for what, test := range map[string]struct {
		name, text string
		want       bool
	}{
		"YAML under another name":        {"secret.enc", text("manifest.yml"), true},
		"JSON as YAML":                   {"secret.yaml", text("types.json"), true},
		"a damaged file":                 {"secret.yaml", text("manifest.yml") + "\n>>>>>>> branch\n", true},
		"a damaged JSON file":            {"secret.json", text("types.json")[1:], true},
		"values of a chart named sops":   {"values.yaml", "sops:\n  enabled: true\n  example: " + value + "\n", false},
		"what tells of sops":             {"README.md", "Encrypt with sops:\n\n```yaml\na: " + value + "\nsops:\n    mac: x\n", false},
		"a value without metadata":       {"a.yaml", "a: " + value + "\n", false},
		"a text that holds a file":       {"a.yaml", "a: |\n  b: " + value + "\n  sops:\n    mac: x\n", false},
		"a configuration":                {".sops.yaml", "creation_rules:\n- age: sops\n", false},
		"a template":                     {"t.yaml", "a: {{ .Values.sops }} # " + value + "\n", false},
		"nothing":                        {"a.yaml", "", false},
		"for the operator of SopsSecret": {"a.yaml", "apiVersion: isindir.github.com/v1alpha3\nkind: SopsSecret\n" + text("manifest.yml")[len("apiVersion: v1\nkind: Secret\n"):], false},
	} {
		if got := sops.Is([]byte(test.text), test.name); got != test.want {
			t.Errorf("%s: %t", what, got)
		}
	}
}

// TestHasCiphertext finds what must not be applied.
func TestHasCiphertext(t *testing.T) {
	value := newSealer(t, "AGE").value("secret", "a:", "str")
	file := string(goldenNamed(t, "values.env").files["encrypted"])
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	object := func(kind, field string, content any) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": kind, "metadata": map[string]any{"name": "x"}, field: content}
	}
	for name, test := range map[string]struct {
		object map[string]any
		want   string
	}{
		"a manifest":                {object("Secret", "sops", map[string]any{"mac": value}), "sops"},
		"a value":                   {object("Secret", "stringData", map[string]any{"a": value}), "stringData.a"},
		"a value in a Deployment":   {object("Deployment", "spec", map[string]any{"env": []any{map[string]any{"value": "x"}, map[string]any{"value": value}}}), "spec.env[1].value"},
		"a value in a text":         {object("ConfigMap", "data", map[string]any{"url": "https://user:" + value + "@host"}), "data.url"},
		"a file in a ConfigMap":     {object("ConfigMap", "data", map[string]any{"a.env": file}), "data.a.env"},
		"a file in a Secret":        {object("Secret", "data", map[string]any{"a.env": encode(file)}), "data.a.env"},
		"a value in a Secret":       {object("Secret", "data", map[string]any{"a": encode(value)}), "data.a"},
		"under a key that is none":  {object("Secret", "stringData", map[string]any{"not a key": value}), "stringData.***"},
		"nothing":                   {object("Secret", "data", map[string]any{"a": encode("ENC[AES256_GCM,data:")}), ""},
		"an option named sops":      {object("Values", "sops", map[string]any{"enabled": true}), ""},
		"what is meant to be so":    {map[string]any{"apiVersion": "isindir.github.com/v1alpha3", "kind": "SopsSecret", "sops": map[string]any{"mac": value}}, ""},
		"what looks like the start": {object("ConfigMap", "data", map[string]any{"a": "ENC[AES256_GCM,data:x] ENC[AES256_GCM,data:,iv:,tag:,type:]"}), ""},
	} {
		field, has := sops.HasCiphertext(test.object)
		if has != (test.want != "") || field != test.want && has {
			t.Errorf("%s: %q, %t", name, field, has)
		}
	}
}
