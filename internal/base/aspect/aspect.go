// Package aspect names the things of an object in a cluster that can change.
package aspect

// Set is a set of the things of an object that can change.
type Set uint8

// The things that can change.
const (
	// Existence: the object came, went, or was created anew.
	Existence Set = 1 << iota
	// Applied: the fields that our manager applied, or who else owns them; all that an
	// object holds which is followed.
	Applied
	// Owner: whose the object is, by its marks or by its owner references.
	Owner
	// Marks: the annotations and labels that mean something to a dialect.
	Marks
	// Health: the object's own health.
	Health
	// Terminating: its deletion began, or what it waits for then.
	Terminating
	// Summary: its images or addresses.
	Summary
)

// Has reports whether one of the things is in the set.
func (s Set) Has(things Set) bool { return s&things != 0 }
