package told

import (
	_ "embed"
	"strings"
	"sync"
)

// vocabulary has a line for each word that tools say in errors, with the words that
// follow it there. It is taken from their sources by TestVocabulary.
//
//go:embed vocabulary.txt
var vocabulary string

// following returns the pairs of words of the vocabulary.
var following = sync.OnceValue(func() map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for line := range strings.Lines(vocabulary) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		next := make(map[string]bool, len(words)-1)
		for _, word := range words[1:] {
			next[word] = true
		}
		all[words[0]] = next
	}
	return all
})

// follows reports whether tools say one word after another.
func follows(word, next string) bool { return following()[word][next] }

// alone are the words that are shown by themselves, between what is hidden, because
// messages are not understood without them.
var alone = set("Field", "File", "a", "and", "app", "array", "at", "boolean", "by", "chart", "does", "error", "executing", "expected", "field",
	"file", "for", "found", "from", "function", "got", "has", "in", "invalid", "into", "is", "kustomization", "line", "list", "map", "mapping", "missing",
	"namespace", "not", "null", "number", "object", "of", "on", "or", "overflows", "path", "referenced", "resources", "template", "text", "the", "to",
	"type", "unexpected", "value", "was", "want", "with", "yaml", "json", "operand", "command", "input", "pipeline", "clause",
	"validation", "Atoi", "ParseInt", "ParseBool", "ParseFloat", "strconv", "parsing", "key", "true", "false")

func set(words ...string) map[string]bool {
	all := make(map[string]bool, len(words))
	for _, word := range words {
		all[word] = true
	}
	return all
}
