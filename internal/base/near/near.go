// Package near finds what was meant by a name with a slip: how far apart two names are, and
// what annotations say whose keys are slips. It knows no names itself.
package near

// Edits counts the bytes to put in, leave out, change or swap with their neighbour
// between two names, in as many steps as their lengths multiplied.
func Edits(a, b string) int {
	size := len(b) + 1
	rows := make([]int, 3*size)
	before, row, next := rows[:size], rows[size:2*size], rows[2*size:]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			change := row[j]
			if a[i] != b[j] {
				change++
			}
			next[j+1] = min(change, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
