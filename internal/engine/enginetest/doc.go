// Package enginetest is a cluster in memory for the tests of the engine's
// stages: it keeps what is written to it, and whose each field is, and plays the
// delays and failures that a test asks for. What it answers is what an API server
// answers as far as internal/engine/clustertest asks, which both pass; where they
// differ, this is wrong. It knows no schema, and remembers every kind from the start.
package enginetest
