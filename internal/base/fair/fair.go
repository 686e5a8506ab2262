// Package fair shares a few places among owners, so that no owner ever has all
// of them, however many it asks for. It makes nobody wait; the caller does.
package fair

// generosity is how many times what is left an owner may hold: of 16 places one
// owner gets 12, the next one 3, and the last is for a third.
const generosity = 3

// Places are so many places. The zero value has none, and denies nobody one. It
// is not safe for concurrent use.
type Places struct {
	size, taken int
	held        map[string]int
}

// New returns size places.
func New(size int) Places { return Places{size: size, held: map[string]int{}} }

// May reports whether the owner may take a place now. Who has none may take any;
// nobody else takes the last.
func (p *Places) May(owner string) bool {
	if p.size == 0 {
		return true
	}
	free, held := p.size-p.taken, p.held[owner]
	return free > 0 && (held == 0 || free > 1 && held < generosity*free)
}

// Held is how many places the owner has.
func (p *Places) Held(owner string) int { return p.held[owner] }

// Take takes a place for the owner.
func (p *Places) Take(owner string) {
	if p.held == nil {
		p.held = map[string]int{}
	}
	p.taken++
	p.held[owner]++
}

// Leave gives one of the owner's places back.
func (p *Places) Leave(owner string) {
	p.taken--
	if p.held[owner]--; p.held[owner] == 0 {
		delete(p.held, owner)
	}
}
