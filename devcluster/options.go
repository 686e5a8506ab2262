package devcluster

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Options says how a cluster is made. The zero value is a temporary cluster with one node on a free port.
type Options struct {
	// Name tells clusters apart in messages and is the kubeconfig's context. Default "devcluster".
	Name string
	// DataDir holds etcd's data, the configuration and the logs. A given folder is made when missing, kept after Stop,
	// and its data are used again by the next Start. Default: a temporary folder that Stop removes.
	DataDir string
	// Kubeconfig is the file for the administrator's kubeconfig. An existing file is overwritten, and Stop removes it.
	// Default "kubeconfig" in the data folder.
	Kubeconfig string
	// Audit turns the API audit log on: one JSON event a line for each request but the control plane's own reads; for
	// writes with request and response, but never the content of Secrets. Default: no log.
	Audit bool
	// AuditLog is the file that the audit log is appended to; naming one turns Audit on, and Stop keeps it.
	// Default "audit.log" in the data folder.
	AuditLog string
	// Nodes is the number of played nodes, each large enough for anything. Default 1.
	Nodes int
	// Port is the API server's on 127.0.0.1. Default: a free one.
	Port int
	// Binary is the program to run as the cluster's parts: a syncline-devcluster. Default: the running program, which
	// then has to pass its arguments on as syncline-devcluster's main does.
	Binary string
	// Progress gets a line for each thing that happens, for people. Default: nowhere.
	Progress io.Writer
}

// withDefaults fills in what was left out and makes paths absolute, because the cluster's parts run in its data folder.
func (o Options) withDefaults() (Options, error) {
	if o.Name == "" {
		o.Name = "devcluster"
	}
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.Nodes < 0 || o.Port < 0 || o.Port > 65535 {
		return o, fmt.Errorf("starting a cluster with %d nodes on port %d: neither can be negative, and a port is at most 65535", o.Nodes, o.Port)
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.Binary == "" {
		self, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("finding the running program, to start the cluster's parts from it: %w", err)
		}
		o.Binary = self
	}
	for _, path := range []*string{&o.DataDir, &o.Kubeconfig, &o.AuditLog, &o.Binary} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return o, fmt.Errorf("finding %s: %w", *path, err)
		}
		*path = absolute
	}
	return o, nil
}
