package component

import (
	"strings"
	_ "unsafe" // for go:linkname

	"k8s.io/component-base/version"
)

// kubernetesVersion is the version that go.mod requires; a test holds the two together.
const kubernetesVersion = "v1.36.3"

// Kubernetes takes its version from linker flags and calls itself v0.0.0 without them. These names reach the same
// variables, so that every way to build the program (go build, go install, go test) serves the right /version.

//go:linkname gitMajor k8s.io/component-base/version.gitMajor
var gitMajor string

//go:linkname gitMinor k8s.io/component-base/version.gitMinor
var gitMinor string

//go:linkname gitVersion k8s.io/component-base/version.gitVersion
var gitVersion string

// setVersion makes Kubernetes report the version of the module it was built from.
func setVersion() error {
	numbers := strings.SplitN(strings.TrimPrefix(kubernetesVersion, "v"), ".", 3)
	gitVersion, gitMajor, gitMinor = kubernetesVersion, numbers[0], numbers[1]
	return version.SetDynamicVersion(kubernetesVersion)
}
