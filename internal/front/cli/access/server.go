package access

import (
	"net/netip"
	"slices"

	"github.com/spf13/pflag"

	"github.com/syncline-io/syncline"
)

// ServerOptions configure the agent.
type ServerOptions struct {
	Connection
	// DataDir keeps mirrors of repositories. Empty means a
	// folder that goes away with the process.
	DataDir string
	// PollSeconds is how often repositories are asked for news, before jitter.
	PollSeconds int
	// RecordSeconds is how long after a commit an App that it does not touch
	// records the revision in its status; negative means with the next change.
	RecordSeconds int
	// PruneShare and PruneCount are the prune guard: a plan that deletes more
	// than both this share of an App's objects and this number of them waits
	// for a person.
	PruneShare float64
	PruneCount int
	// TurnSeconds is how long one turn of an App may take to find out what is to be
	// done, and again to do it.
	TurnSeconds int
	// RenderWorkers is how many processes render at once, RenderMemoryMiB what each
	// may use, RenderSeconds how long it may compute for an App, and MemoMiB how much
	// of what they made is remembered.
	RenderWorkers, RenderMemoryMiB, RenderSeconds, MemoMiB int
	// AllowUnconfined lets processes work on what others wrote where the kernel
	// forbids them no system calls.
	AllowUnconfined bool
	// PluginDir has the sockets of plugins, Plugins are those that have to be there before a
	// source that names no tool is rendered, and PluginSeconds is how long one may take.
	PluginDir     string
	Plugins       []string
	PluginSeconds int
	// Git bounds what repositories may take and where they may be.
	Git GitLimits
	// LogLevel is "info" or "debug"; LogFormat is "json" or "text".
	LogLevel  string
	LogFormat string
	// ProfileDir is a folder that gets profiles of the process; empty means none.
	ProfileDir string
}

// GitLimits bound what repositories may take and where they may be.
type GitLimits struct {
	// AllowAddresses are prefixes of addresses, as in 169.254.10.0/24, of servers
	// that may be asked though services of the machine or the cloud are usually there.
	AllowAddresses []string
	// MemoryMiB is how much memory one process of git may take, PackMiB how large a
	// file it may write, and DiskMiB how much all mirrors may take.
	MemoryMiB, PackMiB, DiskMiB int
	// Submodules shows the files of submodules.
	Submodules bool
	// Refs is how many refs are remembered of all repositories.
	Refs int
}

// Bind adds the flags that set the options.
func (o *ServerOptions) Bind(flags *pflag.FlagSet) {
	flags.StringVar(&o.DataDir, "data-dir", "", "folder for mirrors of repositories (default a temporary one)")
	flags.IntVar(&o.PollSeconds, "poll-seconds", 180, "how often repositories are asked for news")
	flags.IntVar(&o.RecordSeconds, "record-seconds", 180,
		"how long after a commit that does not touch an app its status names the revision; -1: with the app's next change")
	flags.Float64Var(&o.PruneShare, "prune-guard-share", 0.5, "share of an app's objects that may be deleted at once without approval")
	flags.IntVar(&o.PruneCount, "prune-guard-count", 10, "number of an app's objects that may be deleted at once without approval")
	flags.IntVar(&o.TurnSeconds, "turn-seconds", 120, "how long one turn of an app may take")
	flags.IntVar(&o.RenderWorkers, "render-workers", 3, "how many processes render at once; one project never has all")
	flags.IntVar(&o.RenderMemoryMiB, "render-memory-mib", 512, "memory that one of them may use, in MiB")
	flags.IntVar(&o.RenderSeconds, "render-seconds", 60, "how long one of them may compute for an app; five times as long by the clock")
	flags.IntVar(&o.MemoMiB, "memo-mib", 256, "memory for what was rendered, in MiB; the project that takes most forgets first")
	flags.BoolVar(&o.AllowUnconfined, "allow-unconfined-workers", false, "render where the kernel permits no seccomp filter")
	flags.StringVar(&o.PluginDir, "plugin-dir", "", "folder with the sockets of config management plugins (default none)")
	flags.StringSliceVar(&o.Plugins, "plugins", nil, "plugins that have to be there before a source that names no tool is rendered")
	flags.IntVar(&o.PluginSeconds, "plugin-seconds", 90, "how long a plugin may take")
	o.Git.bind(flags)
	flags.StringVar(&o.LogLevel, "log-level", "info", "info or debug")
	flags.StringVar(&o.LogFormat, "log-format", "json", "json or text")
	flags.StringVar(&o.ProfileDir, "profile-dir", "", "folder that gets profiles of the process (default none)")
	_ = flags.MarkHidden("profile-dir") // it exists
}

func (l *GitLimits) bind(flags *pflag.FlagSet) {
	flags.StringSliceVar(&l.AllowAddresses, "git-allow-addresses", nil,
		"prefixes of link-local and similar addresses, such as 169.254.10.0/24, at which there are Git servers")
	flags.IntVar(&l.MemoryMiB, "git-memory-mib", 1024, "memory that one process of git may take, and all that talk to servers together")
	flags.IntVar(&l.PackMiB, "git-pack-mib", 4096, "size of the largest file that git may write")
	flags.IntVar(&l.DiskMiB, "git-disk-mib", 16384, "space that all mirrors may take, and one of them half; those of who takes most go first")
	flags.IntVar(&l.Refs, "git-refs", 100_000, "refs that are remembered of all repositories")
	flags.BoolVar(&l.Submodules, "git-submodules", true, "read submodules, from repositories that the project permits")
}

func (l GitLimits) check() error {
	for flag, value := range map[string]int{
		"git-memory-mib": l.MemoryMiB, "git-pack-mib": l.PackMiB, "git-disk-mib": l.DiskMiB, "git-refs": l.Refs,
	} {
		if value <= 0 {
			return syncline.Errorf(syncline.Invalid, "--%s is %d: it has to be more than 0", flag, value)
		}
	}
	for _, prefix := range l.AllowAddresses {
		if _, err := netip.ParsePrefix(prefix); err != nil {
			return syncline.Errorf(syncline.Invalid, "--git-allow-addresses has %q, which is no prefix such as 169.254.10.0/24", prefix)
		}
	}
	return nil
}

// Check says what is wrong with the options, as an Invalid error.
func (o ServerOptions) Check() error {
	if err := o.Git.check(); err != nil {
		return err
	}
	for flag, value := range map[string]int{
		"poll-seconds": o.PollSeconds, "turn-seconds": o.TurnSeconds, "render-seconds": o.RenderSeconds,
		"memo-mib": o.MemoMiB,
	} {
		if value <= 0 {
			return syncline.Errorf(syncline.Invalid, "--%s is %d: it has to be more than 0", flag, value)
		}
	}
	switch {
	case !slices.Contains([]string{"info", "debug"}, o.LogLevel):
		return syncline.Errorf(syncline.Invalid, "--log-level is %q, neither info nor debug", o.LogLevel)
	case !slices.Contains([]string{"json", "text"}, o.LogFormat):
		return syncline.Errorf(syncline.Invalid, "--log-format is %q, neither json nor text", o.LogFormat)
	case o.RenderWorkers < 2:
		return syncline.Errorf(syncline.Invalid, "--render-workers is %d: it has to be 2 or more, so that no project has all", o.RenderWorkers)
	case o.RenderMemoryMiB < 64:
		return syncline.Errorf(syncline.Invalid, "--render-memory-mib is %d: it has to be 64 or more", o.RenderMemoryMiB)
	case o.PruneShare < 0 || o.PruneShare > 1:
		return syncline.Errorf(syncline.Invalid, "--prune-guard-share is %v: it has to be between 0 and 1", o.PruneShare)
	case o.PruneCount < 0:
		return syncline.Errorf(syncline.Invalid, "--prune-guard-count is %d: it cannot be negative", o.PruneCount)
	}
	return nil
}
