package component

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
)

// runEtcd serves etcd on a socket in the current folder, so that it needs no port and no certificates: the folder's
// permissions guard it. It ends on SIGTERM, and when the parent is gone; as the last one left it then removes the
// folder of a temporary cluster.
func runEtcd(args []string, parentGone <-chan struct{}) int {
	flags := flag.NewFlagSet("etcd", flag.ContinueOnError)
	temporary := flags.String("temporary", "", "folder to remove when the parent process is gone (default none)")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM, syscall.SIGINT)

	server, err := embed.StartEtcd(etcdConfig())
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcd does not start:", err)
		return 1
	}
	select {
	case <-terminated:
	case <-parentGone:
		defer removeAll(*temporary)
	case err := <-server.Err():
		fmt.Fprintln(os.Stderr, "etcd failed:", err)
		return 1
	}
	server.Close()
	return 0
}

func etcdConfig() *embed.Config {
	socket := url.URL{Scheme: "unix", Host: "etcd.sock"}
	config := embed.NewConfig()
	config.Dir = "etcd"
	config.LogLevel = "warn"
	config.UnsafeNoFsync = true // the data need not survive a crash of the machine
	config.ListenClientUrls = []url.URL{socket}
	config.ListenPeerUrls = []url.URL{{Scheme: "unix", Host: "peer.sock"}}
	return config
}

// removeAll tries again when another component, about to end too, still made a file meanwhile.
func removeAll(folder string) {
	if folder == "" {
		return
	}
	for range 5 {
		if os.RemoveAll(folder) == nil {
			return
		}
	}
}
