package syncline

import "time"

// Commit is what a repository says of one revision.
type Commit struct {
	// Hash is the full name of the commit.
	Hash    string
	Author  string
	Email   string
	Date    time.Time
	Message string
}
