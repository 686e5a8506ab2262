// Package enginetest is a cluster in memory for the tests of the engine's
// stages: it keeps what is written to it, and plays the delays and failures that
// a test asks for. It is not Kubernetes and proves nothing about it; that is the
// matter of the tests against a real control plane.
package enginetest
