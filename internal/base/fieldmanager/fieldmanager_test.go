package fieldmanager_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/base/fieldmanager"
)

// No two instances have one manager, and the API server takes the name of each.
func TestNamespace(t *testing.T) {
	long := strings.Repeat("a", 200)
	names := map[string]string{}
	sum := sha256.Sum256([]byte(long))
	digest := hex.EncodeToString(sum[:])
	for _, instance := range []string{"web", "team_web", long, long + "b", digest, "#" + digest} {
		name := fieldmanager.Namespace(instance)
		if len(name) > 128 || !strings.HasPrefix(name, fieldmanager.Namespaces) {
			t.Errorf("the manager of %s is %s", instance, name)
		}
		if other, taken := names[name]; taken {
			t.Errorf("%s and %s are both %s", instance, other, name)
		}
		names[name] = instance
	}
}
