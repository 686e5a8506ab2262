package near

import (
	"slices"
	"strings"
)

// Meant begins the key by which is found what annotations say that were probably to have the
// key behind it. No annotation can be called so.
const Meant = "~"

// Meaning returns what those of the annotations say that are slips, by the key with [Meant]
// of what slip takes each for, which is "" for what is none; nil when none is a slip. What
// several say of one is joined by commas, in the order of the texts.
func Meaning(annotations map[string]string, slip func(key string) string) map[string]string {
	var texts map[string][]string
	for key, text := range annotations {
		if meant := slip(key); meant != "" {
			if texts == nil {
				texts = map[string][]string{}
			}
			texts[Meant+meant] = append(texts[Meant+meant], text)
		}
	}
	if texts == nil {
		return nil
	}
	meaning := make(map[string]string, len(texts))
	for key, all := range texts {
		slices.Sort(all)
		meaning[key] = strings.Join(all, ",")
	}
	return meaning
}
