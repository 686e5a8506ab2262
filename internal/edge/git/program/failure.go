package program

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/syncline-io/syncline"
)

// RunError is a run of git that did not succeed.
type RunError struct {
	step     string
	messages string
	timeout  time.Duration // zero unless it ran out
	tooLong  bool
	err      error
	// remote is whom it talked to; nil when to nobody.
	remote *Remote
}

// Error returns what git was run for and why it failed, for defects only;
// people see what About makes of it.
func (f *RunError) Error() string { return fmt.Sprintf("git %s: %v", f.step, f.err) }

// Cause is what a failure of git comes from.
type Cause string

// The causes that anything follows from, and others.
const (
	unknown      Cause = "unknown"
	Unauthorized Cause = "unauthorized"
	NoRepository Cause = "no repository"
	NoRevision   Cause = "no revision"
	NotFull      Cause = "not full" // the server cannot send a part of the history
	Redirected   Cause = "redirected"
	untrusted    Cause = "untrusted certificate"
	unknownHost  Cause = "unknown host key"
	changedHost  Cause = "changed host key"
	outside      Cause = "outside" // network, server
	Damaged      Cause = "damaged" // the mirror
	TooLarge     Cause = "too large"
	heavy        Cause = "too heavy"
)

// outOfMemory is how git ends at Options.MaxMemory and Options.MaxPack, the latter
// in words where the signal of that limit is ignored, and by the signal elsewhere.
// unasked is what git says when a server wants other credentials than it was given.
var unasked = regexp.MustCompile(`(?i)^(could not read (username|password)|authentication failed)`)

var outOfMemory = regexp.MustCompile(`(?i)out of memory|cannot allocate memory|mmap failed|File too large|file size limit|died of signal 25\b`)

// silentIndexer is what git fetch says when the process that stores the pack ends
// without an answer. Where it says nothing else, that process was ended by a
// signal: it gives a reason for everything that it finds wrong itself.
const silentIndexer = "fetch-pack: invalid index-pack output"

// causes are recognised by git's messages, in the language C. The first match counts.
var causes = []struct {
	cause   Cause
	pattern *regexp.Regexp
}{
	{changedHost, regexp.MustCompile(`HOST IDENTIFICATION HAS CHANGED|POSSIBLE DNS SPOOFING|revoked HOST KEY|REVOKED HOST KEY`)},
	{unknownHost, regexp.MustCompile(`Host key verification failed|host key is known for`)},
	{TooLarge, outOfMemory},
	{Redirected, regexp.MustCompile(`returned error: 30[12378]`)},
	{Unauthorized, regexp.MustCompile(`(?i)authentication failed|could not read (username|password)|returned error: 40[137]|access denied|terminal prompts disabled|permission denied \(|too many authentication failures`)},
	{NoRevision, regexp.MustCompile(`not our ref|unadvertised object|want \w+ not valid|couldn't find remote ref|no such remote ref|no such ref was fetched`)},
	{NotFull, regexp.MustCompile(`does not support (shallow|--shallow)|dumb http transport`)},
	{NoRepository, regexp.MustCompile(`(?i)returned error: 4(04|10)|repository '?.*'? not found|does not appear to be a git repository|is this a git repository|repository not found|project you were looking for could not be found`)},
	{untrusted, regexp.MustCompile(`(?i)certificate|SSL:`)},
	{outside, regexp.MustCompile(`(?i)could not resolve|kex_exchange_identification|no route to host|network is unreachable|connection closed|failed to connect|couldn't connect|connection (refused|reset|timed out)|returned error: (429|5\d\d)|` +
		`timed out|too slow|early eof|unexpected disconnect|hung up|rpc failed|invalid server response|unexpected flush|bad line length|empty reply|expected flush`)},
	{Damaged, regexp.MustCompile(`(?i)corrupt|bad object|missing (blob|tree|commit|object)|unable to (read|parse|find)|not a valid object|` +
		`not point to a valid object|packfile|pack has|index file|not a git repository|bad config|invalid object|loose object|inflate|` +
		`shallow (file|info)|bad shallow|broken link|did not send all necessary objects|unresolved deltas`)},
}

// CauseOf tells what the messages of a run come from.
func CauseOf(messages string) Cause { return (&RunError{messages: messages}).Cause() }

// Location returns where a server said that the repository is, of a run that traced.
func (f *RunError) Location() (string, bool) {
	found := location.FindStringSubmatch(f.messages)
	if found == nil {
		return "", false
	}
	return strings.TrimSpace(found[1]), true
}

var location = regexp.MustCompile(`(?im)recv header: location: (\S+)`)

// Cause tells what the failure comes from.
func (f *RunError) Cause() Cause {
	if f.timeout > 0 {
		return outside
	}
	if errors.Is(f.err, errHeavy) {
		return heavy
	}
	for _, c := range causes {
		if c.pattern.MatchString(f.messages) {
			return c.cause
		}
	}
	if f.atLimit() {
		return TooLarge
	}
	return unknown
}

// atLimit reports whether a signal ended git, or its process that stores packs, for
// what it took.
func (f *RunError) atLimit() bool {
	var exit *exec.ExitError
	if !errors.As(f.err, &exit) { // it was not git that ended it
		return false
	}
	said := f.said("fatal: ", "error: ")
	return outOfMemory.MatchString(exit.Error()) || len(said) == 1 && said[0] == silentIndexer
}

// About returns the failure as an error for people: with a kind, the reason that git
// or the server gave, and without a secret.
func (f *RunError) About() error {
	r := f.remote
	if r == nil {
		r = &Remote{}
	}
	var told *syncline.Error
	if errors.As(f.err, &told) && f.messages == "" {
		return f.err // of pin
	}
	reason := f.reason(r)
	what := "repository " + r.Name
	if cause := f.Cause(); r.hidden && !f.tooLong && cause != NoRevision && cause != Damaged && cause != TooLarge && cause != heavy {
		return r.Unreadable("", string(cause)+": "+reason, "")
	}
	return f.told(r, what, reason)
}

// told is the error of what failed, and why, by its cause.
func (f *RunError) told(r *Remote, what, reason string) error {
	switch f.Cause() {
	case TooLarge:
		return syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s: what it sends takes more memory or space than git may have: %s", what, reason),
			"split the repository, or raise the limits of git in the server's options")
	case heavy:
		return syncline.Errorf(syncline.Transient, "%s: git was ended: %w", what, f.err)
	case Unauthorized:
		return syncline.WithHint(syncline.Errorf(syncline.Denied, "%s: access was refused: %s", what, r.refusal(reason)), r.credentialsHint())
	case NoRepository:
		return syncline.WithHint(syncline.Errorf(syncline.NotFound, "%s was not found: %s", what, reason),
			"check the address; servers also answer this way when credentials are missing or may not see it")
	case NoRevision:
		return syncline.Errorf(syncline.NotFound, "%s does not have the revision: %s", what, reason)
	case untrusted:
		return syncline.WithHint(syncline.Errorf(syncline.Transient, "%s: its server's certificate is not trusted: %s", what, reason),
			"add the certificate of its authority to "+r.authorities)
	case unknownHost:
		return syncline.WithHint(syncline.Errorf(syncline.Transient, "%s: the key of its server is not known: %s", what, reason),
			"add it to "+r.shell.knownHosts+": ssh-keyscan prints it; compare it with what the server's owner publishes")
	case changedHost:
		return syncline.WithHint(syncline.Errorf(syncline.Transient, "%s: its server has another key than the known one: %s", what, reason),
			"somebody else may be answering; if the server's owner says that the key is new, replace the old one in "+r.shell.knownHosts)
	case Redirected:
		return syncline.Errorf(syncline.Invalid, "%s redirects elsewhere: %s", what, reason)
	default:
		if f.tooLong {
			return syncline.Errorf(syncline.Invalid, "%s: its list of refs is too long", what)
		}
		return syncline.Errorf(syncline.Transient, "%s cannot be read: %s", what, reason)
	}
}

// refusal is why access was refused. Git, which has credentials in a header, asks nobody for
// others, and says that it could not.
func (r *Remote) refusal(reason string) string {
	switch {
	case !unasked.MatchString(reason):
		return reason
	case r.withCredentials:
		return "the server does not accept the credentials"
	}
	return "the server asks for credentials"
}

func (r *Remote) credentialsHint() string {
	credentials := "user name and password or token"
	if r.shell != nil {
		credentials = "private key for ssh"
	}
	if r.unsupported != "" {
		return fmt.Sprintf("its Secret has %s, which does not suffice: put what belongs to it into it too, or a %s", r.unsupported, credentials)
	}
	if r.withCredentials {
		return "check the " + credentials + " in " + r.where
	}
	return "put a " + credentials + " into " + r.where
}

// reason is what git and the server said, in one line, cleaned and cut.
func (f *RunError) reason(r *Remote) string {
	if f.timeout > 0 {
		return fmt.Sprintf("no answer within %s", f.timeout)
	}
	said := f.said("fatal: ", "error: ", "remote: ")
	if r.shell != nil {
		said = f.saidByShell()
	}
	text := strings.Join(said[:min(len(said), 4)], "; ")
	if text == "" && f.err != nil {
		text = f.err.Error()
	}
	return r.Clean(text)
}

// said is what follows the prefixes in the messages.
func (f *RunError) said(prefixes ...string) []string {
	var said []string
	for line := range strings.Lines(strings.ReplaceAll(f.messages, "\r", "\n")) {
		text, isError := cutAny(strings.TrimSpace(line), prefixes...)
		if isError && text != "" {
			said = append(said, text)
		}
	}
	return said
}

// saidByShell is what ssh and the server said, which mark nothing, but for what says
// nothing.
func (f *RunError) saidByShell() []string {
	var said []string
	for line := range strings.Lines(strings.ReplaceAll(f.messages, "\r", "\n")) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "@") || strings.HasPrefix(line, "Please make sure") || strings.HasPrefix(line, "and the repository"):
		case strings.HasPrefix(line, "fatal: Could not read from remote") && len(said) > 0:
		default:
			text, _ := cutAny(line, "fatal: ", "error: ", "remote: ", "ssh: ")
			said = append(said, text)
		}
	}
	return said
}

func cutAny(line string, prefixes ...string) (string, bool) {
	for _, prefix := range prefixes {
		if text, ok := strings.CutPrefix(line, prefix); ok {
			return text, true
		}
	}
	return line, false
}

// userInfo matches the parts of addresses in a text that may hold credentials.
var userInfo = regexp.MustCompile(`://[^\s'"]*@`)

// Clean makes a text from outside fit to be shown: no secrets, no control
// characters, not long.
func (r *Remote) Clean(text string) string {
	for _, secret := range r.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	text = userInfo.ReplaceAllString(text, "://")
	text = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, text)
	const longest = 400
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return text
}
