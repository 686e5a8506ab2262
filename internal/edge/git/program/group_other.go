//go:build !unix

package program

import "os/exec"

// inOwnGroup does nothing: cancelling ends the process alone.
func inOwnGroup(*exec.Cmd) {}
