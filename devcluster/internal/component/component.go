// Package component runs one part of the control plane in this process: etcd, the API server, the controller manager,
// the scheduler or KWOK. It does not start processes or write configuration; package devcluster does both.
//
// The parts share process-wide state (flag sets, feature gates, metrics registries), so each has a process of its own,
// which is the same program called with the arguments "component NAME FLAGS...".
package component

import (
	"fmt"
	"io"
	"os"
	_ "time/tzdata" // CronJobs may name a time zone on a machine without zone files

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// Verb is the first argument that makes a program one part of the control plane.
const Verb = "component"

// leashFD is the read end of a pipe whose other end only the parent holds: it closes when the parent is gone.
const leashFD = 3

// Requested says whether the program's arguments (without the program's name) ask it to be a component.
func Requested(args []string) bool {
	return len(args) >= 2 && args[0] == Verb
}

// Run is the whole life of a component's process; it returns the exit code. A component ends at once when its parent
// ends, however the parent ended. args are as Requested accepts them.
func Run(args []string) int {
	name, flags := args[1], args[2:]
	if err := setVersion(); err != nil {
		fmt.Fprintln(os.Stderr, "syncline-devcluster:", err)
		return 1
	}
	if name == "etcd" {
		return runEtcd(flags, parentGone())
	}
	go func() {
		<-parentGone()
		os.Exit(1) //nolint:revive,forbidigo // the parts of Kubernetes know no other end at once
	}()
	switch name {
	case "kube-apiserver":
		return run(apiserver.NewAPIServerCommand(), flags)
	case "kube-controller-manager":
		return run(controllermanager.NewControllerManagerCommand(), flags)
	case "kube-scheduler":
		return run(scheduler.NewSchedulerCommand(), flags)
	case "kwok":
		fmt.Fprintln(os.Stderr, "kwok failed:", runKwok("kwok.kubeconfig"))
		return 1
	}
	fmt.Fprintf(os.Stderr, "syncline-devcluster: no component is named %q\n", name)
	return 2
}

func run(command *cobra.Command, flags []string) int {
	command.SetArgs(flags)
	return cli.Run(command)
}

// parentGone is closed when the process that started this one has ended.
func parentGone() <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, os.NewFile(leashFD, "leash"))
	}()
	return gone
}
