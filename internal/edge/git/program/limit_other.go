//go:build !linux

package program

// limit does nothing here.
func limit(int, int64, int64) error { return nil }
