// Package live remembers what is live in a cluster: of each object of the kinds
// that are needed, the little that planning and judging need. It is kept current
// by watches and says what changed. It holds no full object, and asks nothing of
// the cluster but to list and to watch.
package live
