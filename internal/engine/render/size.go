package render

import (
	"context"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/render/decode"
)

// The bounds of what is rendered. The API server takes objects of up to 3 MiB.
const (
	maxObjectText   = 3 << 20
	maxObjectMemory = 16 << 20
	maxMemory       = 128 << 20
	// maxKinds is of how many kinds the objects may be. Clusters know some hundreds,
	// and what is remembered of a kind is not for an App to multiply.
	maxKinds = 1000
)

// checkSizes returns an error that names the first object that is larger than the
// API server takes, or the file at which all are too large together.
func checkSizes(ctx context.Context, documents []decode.Document) error {
	var all int64
	kinds := map[[2]string]struct{}{}
	for _, document := range documents {
		if err := ctx.Err(); err != nil {
			return err
		}
		version, _ := document.Content["apiVersion"].(string)
		kind, _ := document.Content["kind"].(string)
		if kinds[[2]string{version, kind}] = struct{}{}; len(kinds) > maxKinds {
			return syncline.Errorf(syncline.Invalid, "%s: the objects are of more than %d kinds", document.Origin, maxKinds)
		}
		memory := sizeOf(document.Content)
		if text := textSize(document.Content); text > maxObjectText || memory > maxObjectMemory {
			return syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "%s: %.64s has %d KiB, and an object has %d KiB at most", document.Origin, kind, max(text, memory/4)>>10, maxObjectText>>10),
				"the API server takes no larger ones: cut it in parts")
		}
		if all += memory; all > maxMemory {
			return syncline.Errorf(syncline.Invalid, "%s: the objects are larger than %d MiB together", document.Origin, maxMemory>>20)
		}
	}
	return nil
}

// textSize is about how long a value is as JSON.
func textSize(value any) int64 {
	size := int64(4)
	switch value := value.(type) {
	case string:
		size += int64(len(value))
	case []any:
		for _, item := range value {
			size += textSize(item)
		}
	case map[string]any:
		for key, item := range value {
			size += 4 + int64(len(key)) + textSize(item)
		}
	}
	return size
}
