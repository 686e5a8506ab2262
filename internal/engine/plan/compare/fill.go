package compare

import (
	"reflect"
	"slices"
	"strings"
)

// sides are the four pictures of one value, and the fields of it that we own, nil
// when that is none. A picture is nil where the value is not there. Stripped are
// those without what is ignored.
type sides struct {
	declared, strippedDeclared any
	live, strippedLive         any
	own                        map[string]any
}

// ignored reports whether the value as a whole is ignored on either side.
func (s sides) ignored() bool {
	return s.declared != nil && s.strippedDeclared == nil || s.live != nil && s.strippedLive == nil
}

// untouched reports whether nothing of the value is ignored.
func (s sides) untouched() bool {
	return reflect.DeepEqual(s.declared, s.strippedDeclared) && reflect.DeepEqual(s.live, s.strippedLive)
}

// filling makes what an object asks for. Ignored values that are live and not ours
// are left out, and so left to their owners, unless whole says that what is left
// out is lost. Present leaves out ignored values that are not live: else they are
// asked for as declared.
type filling struct{ whole, present bool }

// valueOf returns what to ask for in place of a value, nil when that is nothing.
func (f filling) valueOf(s sides) any {
	switch {
	case s.ignored():
		return f.ignoredValue(s)
	case s.untouched():
		return s.declared
	case s.declared != nil && s.own == nil:
		f.whole = true // whether it is owned in parts or as one is not known yet
	}
	if _, isMap := or(s.declared, s.live).(map[string]any); isMap {
		if part := f.mapOf(s); s.declared != nil || len(part) > 0 {
			return part
		}
		return nil
	}
	if _, isList := or(s.declared, s.live).([]any); isList {
		return f.listOf(s)
	}
	return s.declared
}

// ignoredValue returns what to ask for in place of a value that is ignored as a whole.
func (f filling) ignoredValue(s sides) any {
	switch {
	case s.live == nil && f.present:
		return nil
	case s.live == nil:
		return s.declared
	case f.whole:
		return s.live
	case s.own == nil:
		return nil
	}
	return ownPart(s.live, s.own)
}

func or(a, b any) any {
	if a != nil {
		return a
	}
	return b
}

// mapOf returns what to ask for in place of a map.
func (f filling) mapOf(s sides) map[string]any {
	declared, _ := s.declared.(map[string]any)
	strippedDeclared, _ := s.strippedDeclared.(map[string]any)
	live, _ := s.live.(map[string]any)
	strippedLive, _ := s.strippedLive.(map[string]any)
	f.whole = f.whole || s.own != nil && isWhole(s.own)
	asked := map[string]any{}
	for _, key := range keysOf(declared, live) {
		below, _ := s.own["f:"+key].(map[string]any)
		value := f.valueOf(sides{declared[key], strippedDeclared[key], live[key], strippedLive[key], below})
		if explicit, isDeclared := declared[key]; value != nil || isDeclared && explicit == nil {
			asked[key] = value
		}
	}
	return asked
}

// listOf returns what to ask for in place of a list: the declared items, each as
// it is live where that is ignored, and the live ones that are ignored as a whole.
func (f filling) listOf(s sides) any {
	declared, _ := s.declared.([]any)
	live, _ := s.live.([]any)
	strippedDeclared, strippedLive := aligned(declared, s.strippedDeclared), aligned(live, s.strippedLive)
	parts := hasParts(s.own)
	f.whole = f.whole || !parts
	partner := partners(declared, live, s)
	taken := map[int]bool{}
	asked := []any{}
	for i, item := range declared {
		j, found := partner(i)
		one := sides{declared: item, strippedDeclared: strippedDeclared[i]}
		if found {
			taken[j] = true
			one.live, one.strippedLive = live[j], strippedLive[j]
			one.own, _ = fieldsOfItem(live[j], j, s.own)
		}
		if value := f.valueOf(one); value != nil {
			asked = append(asked, value)
		}
	}
	for j, item := range live {
		if taken[j] || strippedLive[j] != nil {
			continue
		}
		if part := f.ignoredItem(item, j, s.own); part != nil {
			asked = append(asked, part)
		}
	}
	if s.declared == nil && len(asked) == 0 {
		return nil
	}
	return asked
}

// ignoredItem returns what to ask for in place of a live item that is ignored as a
// whole and not declared, nil when that is nothing.
func (f filling) ignoredItem(item any, at int, fields map[string]any) any {
	own, ours := fieldsOfItem(item, at, fields)
	switch {
	case f.whole:
		return ownPart(item, map[string]any{})
	case ours:
		return ownPart(item, own)
	}
	return nil
}

// hasParts reports whether fields name items of a list.
func hasParts(fields map[string]any) bool {
	for name := range fields {
		if strings.HasPrefix(name, "k:") || strings.HasPrefix(name, "v:") || strings.HasPrefix(name, "i:") {
			return true
		}
	}
	return false
}

// aligned returns for each item of a list what is left of it in the stripped list,
// nil when it is not in there.
func aligned(list []any, stripped any) []any {
	rest, _ := stripped.([]any)
	left := make([]any, len(list))
	if len(rest) == len(list) {
		copy(left, rest)
		return left
	}
	for i, item := range list {
		if len(rest) > 0 && partOf(rest[0], item) {
			left[i], rest = rest[0], rest[1:]
		}
	}
	return left
}

// partOf reports whether a value is another without some of its fields.
func partOf(part, value any) bool {
	fields, ok := part.(map[string]any)
	content, isMap := value.(map[string]any)
	if !ok || !isMap {
		_, isList := part.([]any)
		_, wasList := value.([]any)
		return isList && wasList || reflect.DeepEqual(part, value)
	}
	for key, below := range fields {
		if !partOf(below, content[key]) {
			return false
		}
	}
	return true
}

// partners says which live item is the same as a declared one: that of the same
// key where the owned fields tell the keys, of the same name, of the same value. Where
// nothing tells items apart, see alike.
func partners(declared, live []any, s sides) func(int) (int, bool) {
	identify := identityOf(declared, live, s.own)
	if identify == nil {
		found := alike(aligned(declared, s.strippedDeclared), aligned(live, s.strippedLive))
		return func(i int) (int, bool) { return found[i], found[i] >= 0 }
	}
	places := map[string]int{}
	for j, item := range live {
		places[identify(item)] = j
	}
	return func(i int) (int, bool) {
		j, found := places[identify(declared[i])]
		return j, found
	}
}

// maxAlike is how many pairs of items are looked at for what they have in common.
const maxAlike = 100_000

// alike pairs items that nothing identifies, each live one once: those that are the
// same but for what is ignored, then those that have more, such as defaults, unless
// there are too many to look. What is left between two pairs goes by its place if it
// is as many on both sides. An item without a pair has -1.
func alike(declared, live []any) []int {
	found, taken := make([]int, len(declared)), make([]bool, len(live))
	places := map[string][]int{}
	for j, item := range live {
		text := textOf(item)
		places[text] = append(places[text], j)
	}
	for i, item := range declared {
		found[i] = -1
		text := textOf(item)
		if same := places[text]; len(same) > 0 {
			found[i], taken[same[0]], places[text] = same[0], true, same[1:]
		}
	}
	if len(declared)*len(live) <= maxAlike {
		pairDefaulted(declared, live, found, taken)
	}
	byPlace(found, taken)
	return found
}

// pairDefaulted pairs items of which the live one has more in its maps at most.
func pairDefaulted(declared, live []any, found []int, taken []bool) {
	for i, item := range declared {
		if found[i] >= 0 {
			continue
		}
		for j, other := range live {
			if !taken[j] && hasAllOf(other, item) {
				found[i], taken[j] = j, true
				break
			}
		}
	}
}

// byPlace pairs what is left between two pairs and is as many on both sides.
func byPlace(found []int, taken []bool) {
	for i := 0; i < len(found); i++ {
		if found[i] >= 0 {
			continue
		}
		end := i
		for end < len(found) && found[end] < 0 {
			end++
		}
		from, to := 0, len(taken)
		if i > 0 {
			from = found[i-1] + 1
		}
		if end < len(found) {
			to = found[end]
		}
		if to-from == end-i && !slices.Contains(taken[from:to], true) {
			for k := range end - i {
				found[i+k], taken[from+k] = from+k, true
			}
		}
		i = end
	}
}

// hasAllOf reports whether a value is another, with more fields in its maps at most.
func hasAllOf(value, part any) bool {
	switch p := part.(type) {
	case map[string]any:
		content, ok := value.(map[string]any)
		for key, below := range p {
			if !ok || !hasAllOf(content[key], below) {
				return false
			}
		}
		return ok
	case []any:
		list, ok := value.([]any)
		if !ok || len(list) != len(p) {
			return false
		}
		for i := range p {
			if !hasAllOf(list[i], p[i]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(value, part)
}

// identityOf returns what tells items apart, nil when that is their place only.
func identityOf(declared, live []any, own map[string]any) func(any) string {
	for name := range own {
		kind, text, _ := strings.Cut(name, ":")
		switch kind {
		case "v":
			return textOf
		case "k":
			return keyOfItems(text)
		}
	}
	_, ok1 := byName(declared)
	_, ok2 := byName(live)
	if !ok1 || !ok2 {
		return nil
	}
	return keyOfItems(`{"name":""}`)
}

// keyOfItems returns the identity by the fields that a key has, such as
// {"containerPort":80,"protocol":"TCP"}. A protocol is TCP where there is none,
// the only default that keys of Kubernetes' own kinds have.
func keyOfItems(key string) func(any) string {
	names := keyNames(key)
	return func(item any) string {
		content, _ := item.(map[string]any)
		values := make([]any, len(names))
		for i, name := range names {
			if values[i] = content[name]; values[i] == nil && name == "protocol" {
				values[i] = "TCP"
			}
		}
		return textOf(values)
	}
}
