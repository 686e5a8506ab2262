package exchange

import (
	"io"
	"os"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
)

// maxProof is how many bytes of a file are read.
const maxProof = 1 << 20

// readProof reads a file of this Pod that says who it is, anew each time: the cluster
// renews it.
func readProof(path string) (sealed.Text, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", syncline.Errorf(syncline.Invalid, "reading what stands for the workload: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxProof))
	if err != nil {
		return "", syncline.Errorf(syncline.Invalid, "reading what stands for the workload: %w", err)
	}
	return sealed.Text(text), nil
}
