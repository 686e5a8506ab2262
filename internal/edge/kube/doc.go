// Package kube talks to one Kubernetes API server under one identity: it finds
// out kinds, reads, asks by dry-run, writes and watches. It decides nothing and
// remembers nothing of objects; internal/edge/kube/live does the latter.
package kube
