// Package devcluster runs real Kubernetes control planes on this machine: etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler, and KWOK in place of kubelets. It does not run containers: nodes and pods are
// played, so that workloads become ready (or fail, when asked to) in seconds without an image being pulled.
//
// Each part is a child process of the same binary, syncline-devcluster. Nothing listens but the API server, on
// 127.0.0.1; etcd is reached through a socket in the data folder. A cluster ends with the process that started it,
// however that ends, and leaves nothing behind.
package devcluster
