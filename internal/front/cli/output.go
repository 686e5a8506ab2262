package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
)

// format is how a command prints what it found.
type format string

// The formats.
const (
	formatTable format = "table"
	formatWide  format = "wide"
	formatJSON  format = "json"
	formatYAML  format = "yaml"
	formatName  format = "name"
)

// formatFlag is the flag --output, restricted to what a command can print.
type formatFlag struct {
	value   format
	allowed []string
}

// String returns the flag's value.
func (f *formatFlag) String() string { return string(f.value) }

// Type names the flag's value in help texts.
func (f *formatFlag) Type() string { return "format" }

// Set reads the flag's value.
func (f *formatFlag) Set(text string) error {
	if slices.Contains(f.allowed, text) {
		f.value = format(text)
		return nil
	}
	err := syncline.Errorf(syncline.Invalid, "%q is not one of %s", text, strings.Join(f.allowed, ", "))
	return usage.DidYouMean(err, text, f.allowed)
}

// outputFlag adds --output; the first of the formats is the default.
func outputFlag(cmd *cobra.Command, formats ...format) *formatFlag {
	flag := &formatFlag{value: formats[0]}
	for _, f := range formats {
		flag.allowed = append(flag.allowed, string(f))
	}
	cmd.Flags().VarP(flag, "output", "o", strings.Join(flag.allowed, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(flag.allowed, cobra.ShellCompDirectiveNoFileComp))
	return flag
}

// encode writes a value as JSON or YAML that means what the value does, and in
// which nothing steers a terminal.
func encode(w io.Writer, f format, value any) error {
	write := visible.JSON
	if f == formatYAML {
		write = visible.YAML
	}
	text, err := write(value)
	if err != nil {
		return syncline.Errorf(syncline.Internal, "printing: %w", err)
	}
	_, err = w.Write(text)
	return err
}

func manifestsOf(apps []access.App) []map[string]any {
	manifests := make([]map[string]any, 0, len(apps))
	for _, app := range apps {
		manifests = append(manifests, app.Manifest)
	}
	return manifests
}

// printApps prints Apps as data; as a table, which a person reads, it prints
// nothing.
func (p *program) printApps(apps []access.App, f format) error {
	switch f {
	case formatJSON, formatYAML:
		if len(apps) == 1 {
			return encode(p.out, f, apps[0].Manifest)
		}
		return encode(p.out, f, manifestsOf(apps))
	case formatName:
		for _, app := range apps {
			p.printLines([]string{app.ID.String()})
		}
	}
	return nil
}

// printLines writes lines to stdout.
func (p *program) printLines(lines []string) { p.out.Lines(lines...) }

// notef writes a message to stderr, unless --quiet.
func (p *program) notef(format string, args ...any) {
	if !p.quiet {
		p.err.Message("", fmt.Sprintf(format, args...))
	}
}
