package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli"
)

//go:generate go test . -run ^TestReference$ -update

// TestReference keeps docs/guide/cli.md as the help texts say; -update writes it.
func TestReference(t *testing.T) {
	file := filepath.Join("..", "..", "..", "docs", "guide", "cli.md")
	got := reference(cli.New(cli.Deps{}))
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not current: run make generate\n%s", file, diff)
	}
}

func reference(root *cobra.Command) string {
	var text strings.Builder
	text.WriteString("# The command line\n\n<!-- Made from the help texts by TestReference in internal/front/cli. -->\n\n")
	writeCommand(&text, root)
	return text.String()
}

func writeCommand(text *strings.Builder, cmd *cobra.Command) {
	if cmd.Hidden {
		return
	}
	long := cmd.Long
	if long == "" {
		long = cmd.Short + "."
	}
	fmt.Fprintf(text, "## %s\n\n%s\n\n", cmd.CommandPath(), long)
	if cmd.Runnable() && cmd.HasParent() && !cmd.HasSubCommands() {
		fmt.Fprintf(text, "```\n%s\n```\n\n", cmd.UseLine())
	}
	if cmd.Example != "" {
		fmt.Fprintf(text, "```sh\n%s\n```\n\n", unindented(cmd.Example))
	}
	cmd.InitDefaultHelpFlag()
	if flags := cmd.NonInheritedFlags(); flags.HasAvailableFlags() {
		fmt.Fprintf(text, "```\n%s```\n\n", flags.FlagUsages())
	}
	for _, child := range cmd.Commands() {
		writeCommand(text, child)
	}
}

// unindented takes away the two spaces that help texts have.
func unindented(example string) string {
	return strings.ReplaceAll(strings.TrimPrefix(example, "  "), "\n  ", "\n")
}

// TestEveryCommandIsExplained holds the help texts to one form.
func TestEveryCommandIsExplained(t *testing.T) {
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		for _, child := range cmd.Commands() {
			check(child)
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: its short text is %q", cmd.CommandPath(), cmd.Short)
		}
		if cmd.Runnable() && !cmd.Hidden && !cmd.HasSubCommands() && cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
	}
	check(cli.New(cli.Deps{}))
}

// TestExitCodesAreDocumented finds the code of each kind of error in the help.
func TestExitCodesAreDocumented(t *testing.T) {
	var help strings.Builder
	root := cli.New(cli.Deps{})
	root.SetOut(&help)
	root.SetArgs([]string{"help", "exit-codes"})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []syncline.Kind{
		syncline.Invalid, syncline.Denied, syncline.NotFound, syncline.Conflict,
		syncline.Waiting, syncline.Stalled, syncline.Transient, syncline.Internal,
	} {
		code := kind.Consequence().ExitCode
		if !strings.Contains(help.String(), fmt.Sprintf("\n    %d  ", code)) {
			t.Errorf("exit code %d of the kind %q is not in the help", code, kind)
		}
	}
}
