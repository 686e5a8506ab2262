package told

import (
	"regexp"
	"strings"
)

// judge goes through one message.
type judge struct {
	*Known
	text string
	out  strings.Builder
	// gap is where what separates the last shown part from the next begins.
	gap int
	// hides is set while what follows the last shown part is hidden.
	hides bool
	// hid is set once something was hidden.
	hid bool
}

// judge returns what is shown.
func (j *judge) judge() string {
	for at := 0; at < len(j.text); {
		if end := j.shown(at); end > at {
			j.show(at, end)
			at = end
			continue
		}
		if end := wordEnd(j.text, at); end > at {
			j.hide()
			at = end
			continue
		}
		if !separates(j.text[at]) {
			j.hide()
		}
		at++
	}
	j.end()
	return j.out.String()
}

// show adds a part, and what is between it and the last one when that is nothing but
// a few marks.
func (j *judge) show(at, end int) {
	gap := j.text[j.gap:at]
	switch {
	case j.hides:
		j.out.WriteString(after(gap))
	case len(gap) <= maxGap:
		j.out.WriteString(gap)
	default:
		j.hide()
	}
	j.out.WriteString(j.text[at:end])
	j.gap, j.hides = end, false
}

// hide says that something is not shown.
func (j *judge) hide() {
	if j.hides {
		return
	}
	j.out.WriteString(before(j.text[j.gap:]))
	if j.hid {
		j.out.WriteString(Again)
	} else {
		j.out.WriteString(Hidden)
	}
	j.hides, j.hid = true, true
}

func (j *judge) end() {
	gap := j.text[j.gap:]
	switch {
	case j.hides:
		gap = after(gap)
	case len(gap) > maxEnd:
		j.hide()
		gap = ""
	}
	j.out.WriteString(gap)
}

// maxEnd is how many marks end a message at most.
const maxEnd = 4

// maxGap is how many marks stand between two shown parts at most.
const maxGap = 8

var (
	opens  = regexp.MustCompile(`^[\]"'>)}` + "`" + `]{0,2}(?:[:;,.]? )?[\["'<({` + "`" + `=]{0,2}`)
	closes = regexp.MustCompile(`[\]"'>)}` + "`" + `]{0,2}(?:[:;,.]? )?[\["'<({` + "`" + `]{0,2}$`)
)

// before returns the marks at the beginning of a text, in front of something hidden,
// and after those at its end, behind something hidden.
func before(text string) string { return opens.FindString(text[:min(len(text), maxGap)]) }

func after(text string) string { return closes.FindString(text[max(0, len(text)-maxGap):]) }

// shown returns where the part that begins at a place and may be shown ends, or that
// place when there is none.
func (j *judge) shown(at int) int {
	if at > 0 && isWord(j.text[at-1]) && isWord(j.text[at]) {
		return at
	}
	end := max(at, j.position(at), j.written(at))
	if end > at {
		return end
	}
	if end = j.named(at); end > at {
		return end
	}
	if found := goType.FindStringIndex(j.text[at:min(len(j.text), at+maxType)]); found != nil && j.bounded(at+found[1]) {
		return at + found[1]
	}
	return j.said(at)
}

// bounded reports whether no word goes on at a place.
func (j *judge) bounded(at int) bool {
	return at >= len(j.text) || !isWord(j.text[at]) || !isWord(j.text[at-1])
}

var (
	position = regexp.MustCompile(`^(?:<std>:\d+:\d+-\d+|(?:line|column|document|item|byte|character) \d{1,7}(?:[:,] column \d{1,7})?|want (?:at least |at most )?\d{1,3} got \d{1,3})`)
	place    = regexp.MustCompile(`^:(?:\d{1,7}(?::\d{1,7})?(?:-\d{1,7}(?::\d{1,7})?)?|\(\d{1,7}:\d{1,7}\)-\(\d{1,7}:\d{1,7}\))`)
	goType   = regexp.MustCompile(`^(?:\*|\[\]|map\[(?:string|interface \{\})\])*(?:interface ?\{\}|string|bool|u?int(?:8|16|32|64)?|float(?:32|64)|time\.Time|common\.Values|chart\.[A-Z][a-z]+|!!(?:str|int|bool|float|map|seq|null|merge|binary|timestamp))`)
)

// wantsName matches what is said in front of a name.
var wantsName = regexp.MustCompile(`(?:[<"(]|(?:field|variable:|parameter|argument:|function|exist:) )$`)

// position returns where a number of a line, or of something else that is counted,
// ends.
func (j *judge) position(at int) int {
	if found := position.FindStringIndex(j.text[at:]); found != nil && j.bounded(at+found[1]) {
		return at + found[1]
	}
	return at
}

// written returns where the longest text ends that begins there.
func (j *judge) written(at int) int {
	end := at
	for _, text := range j.texts[j.text[at]] {
		if at+len(text) > end && strings.HasPrefix(j.text[at:], text) && j.bounded(at+len(text)) {
			end = at + len(text)
		}
	}
	return end
}

// How long names and types are at most, and how many marks may follow a name.
const (
	maxName  = 256
	maxType  = 64
	maxMarks = 3
)

// named returns where a name ends, with the place in a file behind it.
func (j *judge) named(at int) int {
	end := at
	for end < len(j.text) && end-at < maxName && !strings.ContainsRune(" \t\"'`<>();:,{}", rune(j.text[end])) {
		end++
	}
	for most := max(at, end-maxMarks); end > most; end-- {
		run := j.text[at:end]
		if j.isPath(run) {
			return end + j.place(run, end)
		}
		if j.isName(at, run) && j.bounded(end) {
			return end
		}
		if last := run[len(run)-1]; last != '.' && last != ']' && last != '/' {
			break
		}
	}
	return at
}

// place returns how long the place is that follows the name of a file. A name without
// an ending may be a word, and digits behind it a secret.
func (j *judge) place(file string, at int) int {
	if !strings.ContainsAny(file, "./") {
		return 0
	}
	return len(place.FindString(j.text[at:]))
}

// isPath reports whether a text is a path, with or without a key in front.
func (j *judge) isPath(run string) bool {
	key, file, _ := strings.Cut(run, "=")
	return j.paths[run] || j.names[key] && j.paths[file]
}

// isName reports whether the text from a place on is a name, or made of several. One
// letter is none but where a name is wanted: it may be one of a text.
func (j *judge) isName(at int, run string) bool {
	if j.names[run] {
		return len(run) > 1 || wantsName.MatchString(j.text[max(0, at-20):at])
	}
	parts := strings.FieldsFunc(run, func(r rune) bool { return strings.ContainsRune("./$[]=~*", r) })
	for _, part := range parts {
		if !j.names[part] {
			return false
		}
	}
	return len(parts) > 1 || len(parts) == 1 && len(parts[0]) < len(run)
}

// said returns where words that tools say ends: two or more that follow each other
// in the list, or one that says nothing by itself.
func (j *judge) said(at int) int {
	end := wordEnd(j.text, at)
	if end == at {
		return at
	}
	word, count := j.text[at:end], 1
	for {
		next := end
		for next < len(j.text) && next-end < maxGap && separates(j.text[next]) {
			next++
		}
		stop := wordEnd(j.text, next)
		if next == end || stop == next || !follows(word, j.text[next:stop]) {
			break
		}
		word, end, count = j.text[next:stop], stop, count+1
	}
	if count > 1 || alone[word] {
		return end
	}
	return at
}

// wordEnd returns where the word ends that begins at a place.
func wordEnd(text string, at int) int {
	end := at
	for end < len(text) && (isWord(text[end]) || end > at && isJoint(text, end)) {
		end++
	}
	return end
}

// isJoint reports whether a mark joins two parts of one word.
func isJoint(text string, at int) bool {
	return strings.IndexByte("'-_+=@#$%&*!^~|", text[at]) >= 0 && at+1 < len(text) && isWord(text[at+1])
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// isWord reports whether a byte is part of a word: letters, digits, and all that is
// not ASCII.
func isWord(c byte) bool {
	return isLetter(rune(c)) || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

// separates reports whether a byte may stand between words.
func separates(c byte) bool { return strings.IndexByte(" :;,.'\"`<>()[]{}/=-!?*$@|~+&", c) >= 0 }
