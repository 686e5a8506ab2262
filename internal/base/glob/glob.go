// Package glob holds the globs in which people name kinds, namespaces, clusters and
// files: read once, and matched in a time that is known beforehand.
package glob

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Pattern is a glob, read once and matched often. "*" is any text, "?" any one
// character, "[abc]", "[a-z]" and "[!a]" are classes, "{a,b}" alternatives, and
// "\" takes the meaning from what follows. Where a separator was named, "*" and
// "?" do not match it, and "**" is any text. This is what Argo CD's globs mean.
//
// Matching takes time in proportion to the length of the pattern times that of
// the text, whatever they are. The zero Pattern matches the empty text only.
type Pattern struct {
	text    string
	problem string
	// steps are nil for a text without special characters.
	steps      []step
	separators string
	anything   bool
}

// The bounds of a pattern. A longer one, or one of which the alternatives are
// nested deeper, cannot be read.
const (
	MaxBytes   = 4096
	maxNesting = 16
)

// Compile reads a pattern. One that cannot be read matches nothing, and says so by
// [Pattern.Err]: who asks whether something is denied has to ask for that first.
func Compile(text string, separators ...rune) Pattern {
	p := Pattern{text: text, separators: string(separators)}
	if len(text) > MaxBytes {
		p.text, p.problem = strings.ToValidUTF8(text[:64], "")+"…", "it is too long"
		return p
	}
	if !utf8.ValidString(text) {
		p.problem = "it is not UTF-8"
		return p
	}
	if !strings.ContainsAny(text, `*?[{\`) {
		return p
	}
	r := reader{rest: text}
	r.sequence(0)
	p.problem = r.problem
	if p.problem == "" {
		p.steps = slices.Clip(append(r.steps, step{op: stepEnd}))
		p.anything = text == "**" || text == "*" && p.separators == ""
	}
	return p
}

// Err returns an [*Error] when the pattern cannot be read, nil when it can.
func (p Pattern) Err() error {
	if p.problem == "" {
		return nil
	}
	return &Error{text: p.text, problem: p.problem}
}

// Error is why a pattern cannot be read.
type Error struct{ text, problem string }

// Error names the pattern.
func (e *Error) Error() string { return fmt.Sprintf("%q is not a pattern: %s", e.text, e.problem) }

// Unreadable returns what to write instead.
func (*Error) Unreadable() string {
	return `write it as a glob, such as "team-*"; put a backslash in front of *, ?, [, {, } and \ that stand for themselves`
}

// String returns the pattern as it was written.
func (p Pattern) String() string { return p.text }

// MarshalText returns the pattern as it was written.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// UnmarshalText reads a pattern; see [Compile].
func (p *Pattern) UnmarshalText(text []byte) error {
	*p = Compile(string(text))
	return p.Err()
}

// Equal reports whether two patterns were written alike.
func (p Pattern) Equal(other Pattern) bool {
	return p.text == other.text && p.separators == other.separators && p.problem == other.problem
}

// Matches reports whether the pattern matches all of a value.
func (p Pattern) Matches(value string) bool {
	switch {
	case p.problem != "":
		return false
	case p.steps == nil:
		return p.text == value
	case p.anything:
		return true
	}
	return p.run(value)
}

// step is one instruction of the program that a pattern is compiled to. All
// places where the program may be are followed at once, character by character,
// so that nothing is tried twice.
type step struct {
	op stepKind
	// a and b are the character or the first and last of a range, or where to go on.
	a, b rune
	set  string
}

type stepKind byte

const (
	stepEnd   stepKind = iota
	stepRune           // the character a
	stepOne            // any but a separator
	stepSome           // any number but separators
	stepAny            // any number
	stepRange          // a to b
	stepNotRange
	stepSet // one of set
	stepNotSet
	stepFork // go on at a, and at b
	stepJump // go on at a
)

// consumes reports whether a step takes the character.
func (p Pattern) consumes(s step, r rune) bool {
	switch s.op {
	case stepRune:
		return r == s.a
	case stepOne, stepSome:
		return !strings.ContainsRune(p.separators, r)
	case stepAny:
		return true
	case stepRange:
		return s.a <= r && r <= s.b
	case stepNotRange:
		return r < s.a || s.b < r
	case stepSet:
		return strings.ContainsRune(s.set, r)
	case stepNotSet:
		return !strings.ContainsRune(s.set, r)
	default:
		return false
	}
}

// run follows the program through the value.
func (p Pattern) run(value string) bool {
	now, next := newPlaces(len(p.steps)), newPlaces(len(p.steps))
	p.enter(now, 0)
	for _, r := range value {
		next.clear()
		for _, at := range now.list {
			s := p.steps[at]
			if !p.consumes(s, r) {
				continue
			}
			if s.op == stepSome || s.op == stepAny {
				p.enter(next, at)
			} else {
				p.enter(next, at+1)
			}
		}
		if now, next = next, now; len(now.list) == 0 {
			return false
		}
	}
	return now.seen[len(p.steps)-1] == now.round
}

// enter adds a place, and those that it leads to without a character.
func (p Pattern) enter(to *places, at rune) {
	to.stack = append(to.stack[:0], at)
	for len(to.stack) > 0 {
		at := to.stack[len(to.stack)-1]
		to.stack = to.stack[:len(to.stack)-1]
		if to.seen[at] == to.round {
			continue
		}
		to.seen[at] = to.round
		switch s := p.steps[at]; s.op {
		case stepFork:
			to.stack = append(to.stack, s.b, s.a)
		case stepJump:
			to.stack = append(to.stack, s.a)
		case stepSome, stepAny:
			to.list = append(to.list, at)
			to.stack = append(to.stack, at+1)
		default:
			to.list = append(to.list, at)
		}
	}
}

// places is a set of places in a program.
type places struct {
	list, stack []rune
	seen        []int
	round       int
}

func newPlaces(steps int) *places { return &places{seen: make([]int, steps), round: 1} }

func (p *places) clear() {
	p.list = p.list[:0]
	p.round++
}

// reader compiles a pattern.
type reader struct {
	rest    string
	steps   []step
	problem string
}

func (r *reader) fail(why string) {
	if r.problem == "" {
		r.problem = why
	}
	r.rest = ""
}

func (r *reader) take() rune {
	c, size := utf8.DecodeRuneInString(r.rest)
	r.rest = r.rest[size:]
	return c
}

// here is where the next step comes.
func (r *reader) here() rune { return rune(len(r.steps)) } //nolint:gosec // at most two for each byte

// sequence reads up to the end, or up to the end of an alternative.
func (r *reader) sequence(depth int) {
	for r.rest != "" && (depth == 0 || r.rest[0] != ',' && r.rest[0] != '}') {
		switch c := r.take(); c {
		case '*':
			r.star()
		case '?':
			r.steps = append(r.steps, step{op: stepOne})
		case '[':
			r.class()
		case '{':
			r.alternatives(depth + 1)
		case '\\':
			if r.rest == "" {
				r.fail("it ends with a backslash")
				return
			}
			r.steps = append(r.steps, step{op: stepRune, a: r.take()})
		default:
			r.steps = append(r.steps, step{op: stepRune, a: c})
		}
	}
}

// star reads what follows "*".
func (r *reader) star() {
	if strings.HasPrefix(r.rest, "*") {
		r.take()
		r.steps = append(r.steps, step{op: stepAny})
		return
	}
	r.steps = append(r.steps, step{op: stepSome})
}

// alternatives reads what follows "{".
func (r *reader) alternatives(depth int) {
	if depth > maxNesting {
		r.fail("its alternatives are nested too deeply")
		return
	}
	var ends []rune // the jumps to the end
	for {
		fork := r.here()
		r.steps = append(r.steps, step{op: stepFork, a: fork + 1})
		r.sequence(depth)
		if r.rest == "" {
			r.fail("a { is not closed")
			return
		}
		if r.take() == '}' {
			r.steps[fork] = step{op: stepJump, a: fork + 1}
			break
		}
		ends = append(ends, r.here())
		r.steps = append(r.steps, step{op: stepJump})
		r.steps[fork].b = r.here()
	}
	for _, end := range ends {
		r.steps[end].a = r.here()
	}
}

// class reads what follows "[": a range, or a list of characters.
func (r *reader) class() {
	not := strings.HasPrefix(r.rest, "!")
	r.rest = strings.TrimPrefix(r.rest, "!")
	if r.rest == "" {
		r.fail("a [ is not closed")
		return
	}
	_, size := utf8.DecodeRuneInString(r.rest)
	made := step{op: stepSet}
	if strings.HasPrefix(r.rest[size:], "-") {
		made = step{op: stepRange, a: r.take()}
		r.take()
		if made.b = r.take(); made.b < made.a {
			r.fail("the range of a class is empty")
			return
		}
	} else {
		made.set = r.list()
	}
	if !strings.HasPrefix(r.rest, "]") {
		r.fail("a [ is not closed")
		return
	}
	r.take()
	if made.op == stepSet && made.set == "" {
		r.fail("a class is empty")
		return
	}
	if not {
		made.op++
	}
	r.steps = append(r.steps, made)
}

// list reads the characters of a class.
func (r *reader) list() string {
	var set strings.Builder
	for r.rest != "" && r.rest[0] != ']' {
		c := r.take()
		if c == '\\' && r.rest != "" {
			c = r.take()
		} else if c == '\\' {
			r.fail("it ends with a backslash")
		}
		set.WriteRune(c)
	}
	return set.String()
}
