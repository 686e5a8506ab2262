// Package fieldmanager has the names of field managers under which nothing that Git
// declares is applied as a whole.
package fieldmanager

import (
	"crypto/sha256"
	"encoding/hex"
)

// Status is under which reports are written into the resources that declare Apps, so that
// a status never becomes a declaration.
const Status = "syncline-status"

// Restore is under which an object is put back that was deleted for another which was
// refused: the name of nobody whose fields are ever removed.
const Restore = "syncline-restore"

// Namespaces is how the names begin under which Apps apply what they want of
// their destination namespace.
const Namespaces = "syncline-namespace"

// maxManager is how long the API server lets the name of a field manager be.
const maxManager = 128

// Namespace is the name under which an instance applies what it wants of its
// destination namespace. Each has its own, because an apply removes what its manager
// applied before and does not apply again: under one name Apps would remove what
// others want of the same namespace. A name that is too long is told by its digest,
// behind another sign, so that no instance can be called like it.
func Namespace(instance string) string {
	if name := Namespaces + "/" + instance; len(name) <= maxManager {
		return name
	}
	digest := sha256.Sum256([]byte(instance))
	return Namespaces + "#" + hex.EncodeToString(digest[:])
}
