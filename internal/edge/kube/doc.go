// Package kube talks to Kubernetes API servers. A [Client] is one of them under one
// identity: it finds out kinds, reads, asks by dry-run, writes and watches. A
// [Connection] is one together with what internal/edge/kube/live remembers of its
// objects, and an [Access] is that as whoever delivers to it. A [Fleet] knows all
// clusters, and connects to those that are needed. The package decides nothing about
// objects.
package kube
