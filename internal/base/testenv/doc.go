// Package testenv gives tests and the demo a real Kubernetes cluster: the one of a kubeconfig in the environment, or a
// devcluster, which it builds when needed; a real Git server over HTTP, which fails when told to; and a Helm repository
// with an OCI registry. It makes no clients and no objects; tests do, each in its own namespace.
package testenv
