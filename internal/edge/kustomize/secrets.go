package kustomize

import (
	"cmp"
	"encoding/base64"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The bounds of what is hidden in a message: texts of fewer bytes are hidden only
// as a whole word, and no more than so many are looked for.
const (
	shortest   = 4
	maxHidden  = 20_000
	maxScanned = 4 << 20
)

var (
	// quotedConfig is the configuration that kustomize quotes, with the literals of
	// a generator of Secrets, and quotedPatch a patch.
	quotedConfig = regexp.MustCompile("(?s) with config: `.*`")
	quotedPatch  = regexp.MustCompile(`(?s)(?: from)? \[patch: ".*"\]`)
	mayHold      = regexp.MustCompile(`(?i)secret|stringData|password|token|credential`)
	fieldLine    = regexp.MustCompile(`^(?:- +)?["']?([A-Za-z0-9._/-]+)["']?\s*[:=]\s*(.*)$`)
)

// plain are fields whose values are no secrets.
var plain = []string{
	"apiVersion", "kind", "name", "namespace", "type", "path", "group", "version", "op", "behavior", "target", "namePrefix", "nameSuffix",
}

// hide returns a message without the values that the files which were read have
// where Secrets, or generators of Secrets, are.
func (f *fileSystem) hide(message string) string {
	message = quotedPatch.ReplaceAllString(quotedConfig.ReplaceAllString(message, ""), "")
	hidden := map[string]bool{}
	scanned := 0
	for name, text := range f.read {
		if scanned += len(text); scanned > maxScanned {
			return "a kustomization or a Secret has a mistake; the message is not shown, because it may have a secret"
		}
		if f.secret[name] || mayHold.Match(text) {
			valuesOf(string(text), f.secret[name], hidden)
		}
	}
	texts := make([]string, 0, len(hidden))
	for text := range hidden {
		texts = append(texts, text)
	}
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, text := range texts[:min(len(texts), maxHidden)] {
		message = strings.ReplaceAll(message, text, "(hidden)")
	}
	return message
}

// valuesOf adds the values that text may have, line by line, for it may be broken.
func valuesOf(text string, all bool, hidden map[string]bool) {
	add := func(value string) {
		value = strings.TrimSpace(value)
		for _, form := range []string{value, strings.Trim(value, `"'`), strings.TrimLeft(value, "*&!|> ")} {
			if len(form) < shortest {
				continue
			}
			hidden[form] = true
			hidden[strings.Trim(strconv.Quote(form), `"`)] = true
			hidden[base64.StdEncoding.EncodeToString([]byte(form))] = true
		}
	}
	for line := range strings.Lines(text) {
		line = strings.Join(strings.Fields(line), " ")
		field := fieldLine.FindStringSubmatch(line)
		switch {
		case field != nil && slices.Contains(plain, field[1]):
		case field != nil:
			add(field[2])
			for word := range strings.FieldsSeq(field[2]) { // such as a tag in front
				add(word)
			}
		case all, !isFileName(line):
			add(strings.TrimPrefix(line, "- "))
		}
	}
}

// isFileName reports whether a line is an item that names a file or a folder.
func isFileName(line string) bool {
	item, isItem := strings.CutPrefix(line, "- ")
	return isItem && (strings.Contains(item, "/") || path.Ext(item) != "" || strings.Trim(item, ".") == "")
}
