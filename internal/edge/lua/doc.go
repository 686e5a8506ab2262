// Package lua judges objects by Lua scripts: it has those that Argo CD comes
// with, and runs these and others. A script cannot reach the world outside, but
// what it takes of memory and time is for the caller to confine.
package lua
