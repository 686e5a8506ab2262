package devcluster

import (
	"os"
	"strconv"
)

// part is what one process of a cluster is started with. Paths are relative to the data folder, where it runs.
type part struct {
	name   string
	args   []string
	socket *os.File // for the process to accept connections on, or nil
}

func (c *Cluster) etcd() part {
	p := part{name: "etcd"}
	if c.temporary {
		p.args = []string{"-temporary=" + c.options.DataDir}
	}
	return p
}

func (c *Cluster) apiServer() part {
	args := []string{
		"--etcd-servers=unix://etcd.sock",
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none", // Endpoints may not hold a loopback address
		"--secure-port=" + strconv.Itoa(c.port),
		"--permit-port-sharing", // with the socket that reserves the port
		"--tls-cert-file=apiserver.crt",
		"--tls-private-key-file=apiserver.key",
		"--client-ca-file=ca.crt",
		"--authorization-mode=RBAC",
		"--disable-admission-plugins=TaintNodesByCondition", // nobody watches the health of played nodes
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=service-account.key",
		"--service-account-signing-key-file=service-account.key",
		"--service-cluster-ip-range=" + serviceRange,
		"--allow-privileged",
		"--profiling=false",
	}
	if c.options.AuditLog != "" {
		args = append(args, "--audit-policy-file=audit-policy.yaml", "--audit-log-path="+c.options.AuditLog,
			"--audit-log-maxsize=1000000") // MB, so that it stays one file, which readers follow
	}
	return part{name: "kube-apiserver", args: args}
}

func controllerManager() part {
	return part{name: "kube-controller-manager", args: []string{
		"--kubeconfig=controller-manager.kubeconfig",
		"--leader-elect=false",
		"--secure-port=0",
		"--service-account-private-key-file=service-account.key",
		"--root-ca-file=ca.crt",
		"--kube-api-qps=1000",
		"--kube-api-burst=1000",
		// Left out is what would judge played nodes by heartbeats they do not send, or attach volumes that do not exist.
		"--controllers=*,-node-lifecycle-controller,-node-ipam-controller,-persistentvolume-attach-detach-controller,-selinux-warning-controller",
		"--horizontal-pod-autoscaler-sync-period=2s",
		"--profiling=false",
	}}
}

func scheduler() part {
	return part{name: "kube-scheduler", args: []string{
		"--kubeconfig=scheduler.kubeconfig",
		"--leader-elect=false",
		"--secure-port=0",
		"--profiling=false",
	}}
}

func (c *Cluster) kwok() part {
	return part{name: "kwok", socket: c.metrics}
}
