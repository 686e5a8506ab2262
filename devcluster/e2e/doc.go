// Package e2e tests Syncline as people use it: the program itself, against a real control plane and real Git over HTTP,
// judged by the API server's objects and its audit log. Each behaviour is a script in testdata/script; README.md says
// what scripts can do. The package has no code that is not a test.
package e2e
