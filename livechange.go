package syncline

// LiveChange says that what is remembered of an object changed.
type LiveChange struct {
	Ref Ref
	// Before and After are the instances that tracked the object; "" when none did.
	Before, After string
	What          Aspects
	// Claim reports that only the annotation, which anybody may write, says and said
	// whose the object is.
	Claim bool
	// Ours reports that the change is the outcome of our own write, told before the
	// watch told it.
	Ours bool
}

// Aspects is a set of the things of an object that can change.
type Aspects uint8

// The things that can change.
const (
	// AspectExistence: the object came, went, or was created anew.
	AspectExistence Aspects = 1 << iota
	// AspectApplied: the fields that our manager applied, or who else owns them; all that
	// an object holds which is followed.
	AspectApplied
	// AspectOwner: whose the object is, by its marks or by its owner references.
	AspectOwner
	// AspectMarks: the annotations and labels that mean something to a dialect.
	AspectMarks
	// AspectHealth: the object's own health.
	AspectHealth
	// AspectTerminating: its deletion began, or what it waits for then.
	AspectTerminating
	// AspectSummary: its images or addresses.
	AspectSummary
)

// Has reports whether one of the things is in the set.
func (a Aspects) Has(things Aspects) bool { return a&things != 0 }
