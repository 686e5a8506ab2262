package cli

import (
	"net/netip"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
)

func (p *program) newServer() *cobra.Command {
	var options ServerOptions
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run the agent",
		Long: `Run the agent: watch the Application resources, and make and keep the clusters
so, until it is told to stop.

It reads the kubeconfig, or inside a cluster the service account of its pod.
Kubernetes holds its state: it can be stopped at any time.`,
		Example: `  syncline server
  syncline server --kubeconfig dev.yaml --namespace argocd --log-format text`,
		Args: usage.Names("no arguments", 0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkServer(options); err != nil {
				return err
			}
			if p.deps.Server == nil {
				return syncline.Errorf(syncline.Internal, "this program was built without the agent")
			}
			options.Connection = p.connection
			options.ControlPlane = p.namespace
			return p.deps.Server(cmd.Context(), options)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&options.DataDir, "data-dir", "", "folder for mirrors of repositories (default a temporary one)")
	flags.IntVar(&options.PollSeconds, "poll-seconds", 180, "how often repositories are asked for news")
	flags.IntVar(&options.RecordSeconds, "record-seconds", 180,
		"how long after a commit that does not touch an app its status names the revision; -1: with the app's next change")
	flags.Float64Var(&options.PruneShare, "prune-guard-share", 0.5, "share of an app's objects that may be deleted at once without approval")
	flags.IntVar(&options.PruneCount, "prune-guard-count", 10, "number of an app's objects that may be deleted at once without approval")
	flags.IntVar(&options.TurnSeconds, "turn-seconds", 120, "how long one turn of an app may take")
	flags.IntVar(&options.RenderWorkers, "render-workers", 3, "how many processes render at once; one project never has all")
	flags.IntVar(&options.RenderMemoryMiB, "render-memory-mib", 512, "memory that one of them may use, in MiB")
	flags.IntVar(&options.RenderSeconds, "render-seconds", 60, "how long one of them may compute for an app; five times as long by the clock")
	flags.IntVar(&options.MemoMiB, "memo-mib", 256, "memory for what was rendered, in MiB; the project that takes most forgets first")
	flags.BoolVar(&options.AllowUnconfined, "allow-unconfined-workers", false, "render where the kernel permits no seccomp filter")
	addGitLimits(flags, &options.Git)
	flags.StringVar(&options.LogLevel, "log-level", "info", "info or debug")
	flags.StringVar(&options.LogFormat, "log-format", "json", "json or text")
	flags.StringVar(&options.ProfileDir, "profile-dir", "", "folder that gets profiles of the process (default none)")
	_ = flags.MarkHidden("profile-dir") // it exists
	return cmd
}

func addGitLimits(flags *pflag.FlagSet, limits *GitLimits) {
	flags.StringSliceVar(&limits.AllowAddresses, "git-allow-addresses", nil,
		"prefixes of link-local and similar addresses, such as 169.254.10.0/24, at which there are Git servers")
	flags.IntVar(&limits.MemoryMiB, "git-memory-mib", 1024, "memory that one process of git may take, and all that talk to servers together")
	flags.IntVar(&limits.PackMiB, "git-pack-mib", 4096, "size of the largest file that git may write")
	flags.IntVar(&limits.DiskMiB, "git-disk-mib", 16384, "space that all mirrors may take, and one of them half; those of who takes most go first")
	flags.IntVar(&limits.Refs, "git-refs", 100_000, "refs that are remembered of all repositories")
}

func checkGitLimits(limits GitLimits) error {
	for flag, value := range map[string]int{
		"git-memory-mib": limits.MemoryMiB, "git-pack-mib": limits.PackMiB, "git-disk-mib": limits.DiskMiB, "git-refs": limits.Refs,
	} {
		if value <= 0 {
			return usage.Errorf("--%s is %d: it has to be more than 0", flag, value)
		}
	}
	for _, prefix := range limits.AllowAddresses {
		if _, err := netip.ParsePrefix(prefix); err != nil {
			return usage.Errorf("--git-allow-addresses has %q, which is no prefix such as 169.254.10.0/24", prefix)
		}
	}
	return nil
}

func checkServer(options ServerOptions) error {
	if err := checkGitLimits(options.Git); err != nil {
		return err
	}
	for flag, value := range map[string]int{
		"poll-seconds": options.PollSeconds, "turn-seconds": options.TurnSeconds, "render-seconds": options.RenderSeconds,
		"memo-mib": options.MemoMiB,
	} {
		if value <= 0 {
			return usage.Errorf("--%s is %d: it has to be more than 0", flag, value)
		}
	}
	switch {
	case !slices.Contains([]string{"info", "debug"}, options.LogLevel):
		return usage.Errorf("--log-level is %q, neither info nor debug", options.LogLevel)
	case !slices.Contains([]string{"json", "text"}, options.LogFormat):
		return usage.Errorf("--log-format is %q, neither json nor text", options.LogFormat)
	case options.RenderWorkers < 2:
		return usage.Errorf("--render-workers is %d: it has to be 2 or more, so that no project has all", options.RenderWorkers)
	case options.RenderMemoryMiB < 64:
		return usage.Errorf("--render-memory-mib is %d: it has to be 64 or more", options.RenderMemoryMiB)
	case options.PruneShare < 0 || options.PruneShare > 1:
		return usage.Errorf("--prune-guard-share is %v: it has to be between 0 and 1", options.PruneShare)
	case options.PruneCount < 0:
		return usage.Errorf("--prune-guard-count is %d: it cannot be negative", options.PruneCount)
	}
	return nil
}
