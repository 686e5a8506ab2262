//go:build amd64 || arm64

package confined

// Permitted returns the system calls that are permitted with some arguments.
func Permitted() map[uintptr]bool {
	permitted := map[uintptr]bool{}
	for _, p := range needed() {
		permitted[uintptr(p.call)] = true
	}
	return permitted
}
