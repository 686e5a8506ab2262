package upstream

import "time"

// Signed is an object of a Git repository that people sign, as it is stored. What it
// says is proved by nobody before its signature is verified.
type Signed struct {
	Kind SignedKind
	// Hash is the full name of the object.
	Hash string
	// Who is the committer or tagger, such as "Jane <jane@example.com>", and At the time
	// that the object gives for it; zero when that cannot be read.
	Who string
	At  time.Time
	// Payload is what the Signature is over, byte by byte. The Signature is armored, and
	// nil where there is none.
	Payload, Signature []byte
	// Parents are those of a commit.
	Parents []string
	// Target is the commit that a tag is of, and Name what the tag calls itself.
	Target, Name string
	Message      string
}

// SignedKind is what kind of object is signed.
type SignedKind string

// The kinds of object that people sign.
const (
	SignedCommit SignedKind = "commit"
	SignedTag    SignedKind = "tag"
)
