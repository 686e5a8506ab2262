//go:build linux && !amd64 && !arm64

package worker

// reaching lists nothing: system calls have other numbers on each architecture.
var reaching []uint32

func forbid([]uint32) error { return nil }
