package program

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"
)

// firstHanded is the descriptor after standard input, output and error.
const firstHanded = 3

// handedPath is where a process and its children read the content of that index.
func handedPath(index int) string { return "/proc/self/fd/" + strconv.Itoa(firstHanded+index) }

// handOver gives contents to a process that has not started, in files that are
// in memory only. The returned function lets go of them.
func handOver(process *exec.Cmd, contents [][]byte) (func(), error) {
	release := func() {
		for _, file := range process.ExtraFiles {
			_ = file.Close() // it was never on disk
		}
	}
	for _, content := range contents {
		descriptor, err := unix.MemfdCreate("syncline", unix.MFD_CLOEXEC)
		if err != nil {
			release()
			return nil, fmt.Errorf("handing over a certificate: %w", err)
		}
		file := os.NewFile(uintptr(descriptor), "syncline")
		process.ExtraFiles = append(process.ExtraFiles, file)
		if _, err := file.Write(content); err != nil {
			release()
			return nil, fmt.Errorf("handing over a certificate: %w", err)
		}
	}
	return release, nil
}
