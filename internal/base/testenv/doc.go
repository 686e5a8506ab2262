// Package testenv gives tests and the demo a real Kubernetes cluster: the one of a kubeconfig in the environment, or a
// devcluster, which it builds when needed; and a real Git server over HTTP, which fails when told to. It makes no
// clients and no objects; tests do, each in its own namespace.
package testenv
