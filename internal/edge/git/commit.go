package git

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Commit returns what a commit that was fetched says of itself. The date is the
// author's. Errors are those of [Store.Tree].
func (s *Store) Commit(ctx context.Context, repo upstream.Repository, commit string) (upstream.Commit, error) {
	r, err := s.remote(repo)
	if err != nil {
		return upstream.Commit{}, err
	}
	_, body, err := s.openCommit(ctx, r, commit)
	if err != nil {
		return upstream.Commit{}, err
	}
	return parseCommit(commit, strings.ToValidUTF8(string(body), "\uFFFD")), nil
}

// parseCommit reads a commit object: lines of headers, an empty one, the message.
func parseCommit(hash, text string) upstream.Commit {
	headers, message, _ := strings.Cut(text, "\n\n")
	c := upstream.Commit{Hash: hash, Message: strings.TrimSpace(message)}
	for line := range strings.Lines(headers) {
		author, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "author ")
		if !ok {
			continue
		}
		name, rest, _ := strings.Cut(author, " <")
		email, when, _ := strings.Cut(rest, "> ")
		c.Author, c.Email, c.Date = name, email, parseDate(when)
		break
	}
	return c
}

// parseDate reads seconds since 1970 and a zone, such as "1700000000 +0100". It
// returns the zero time for anything else.
func parseDate(text string) time.Time {
	seconds, zone, _ := strings.Cut(text, " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}
	}
	date := time.Unix(unix, 0).UTC()
	if at, err := time.Parse("-0700", zone); err == nil {
		date = date.In(at.Location())
	}
	return date
}
