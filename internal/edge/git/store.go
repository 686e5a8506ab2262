package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/gate"
	"github.com/syncline-io/syncline/internal/edge/git/program"
	"github.com/syncline-io/syncline/internal/edge/git/submodule"
)

// Options configure a Store. Only Dir has no default.
type Options struct {
	// Dir is the cache folder. It is made when missing; what is in it can be
	// deleted while no Store is open. One Store at a time uses it.
	Dir string
	// GitPath is the git program, of version 2.37 or newer: older ones connect to
	// other addresses than those that were checked. Default: "git" in PATH.
	GitPath string
	// AllowLocal permits repositories that are folders of this machine, given
	// as an absolute path or a file URL. For the command line only.
	AllowLocal bool
	// RefsTimeout bounds listing refs. Default: 60 s.
	RefsTimeout time.Duration
	// FetchTimeout bounds one fetch. Default: 10 min.
	FetchTimeout time.Duration
	// StallTimeout ends a transfer of less than 1 kB/s, in whole seconds, and a
	// process that does not answer what is in a mirror. Default: 30 s.
	StallTimeout time.Duration
	// PerHost is how many transfers from one host go on at once, and Transfers from
	// all hosts. One project's never take more than half of the former, nor all of the
	// latter. Default: 8, 32.
	PerHost, Transfers int
	// WaitTimeout is how long listing refs waits until it may begin. It is less than
	// a turn of an App takes, so that its condition says what it waits for. A fetch
	// waits up to FetchTimeout. Default: 90 s.
	WaitTimeout time.Duration
	// MaxFile is the size of the largest file that is read. A file is in memory once
	// while it is handed on. Default: 12 MiB.
	MaxFile int64
	// LargeFile is the size from which on files are fetched only when they are
	// read, where the server can do that. Default: 1 MiB. A negative size: none are.
	LargeFile int64
	// MaxRefs is the size of the longest list of branches and tags that is read, as
	// git prints it. Of other refs as much is read, and the rest is left out.
	// Default: 4 MiB, which is some 60,000 of them.
	MaxRefs int64
	// MaxMemory is how much memory one process of git may take. Default: 1 GiB.
	MaxMemory int64
	// MaxMemoryOfAll is how much memory all processes of git may take that talk to
	// servers; see weigher. Default: MaxMemory.
	MaxMemoryOfAll int64
	// MaxPack is the size of the largest pack, and of any other file, that git may
	// write; never more than half of MaxDisk. Default: 4 GiB.
	MaxPack int64
	// MaxDisk is how much all mirrors may take on disk, and the half of it how much one
	// may. When a fetch makes it more, mirrors of the project that takes most are
	// removed, those that were used least recently first. Default: 16 GiB.
	MaxDisk int64
	// AllowAddresses are addresses of servers that may be asked though services of
	// the machine or the cloud are usually there: link-local ones, say. Default: none.
	AllowAddresses []netip.Prefix
	// Resolver looks up the names of servers. Default: [net.DefaultResolver].
	Resolver program.Resolver
	// Tokens exchanges credentials for those that servers of repositories take. Default:
	// none are exchanged.
	Tokens Tokens
	// NoSubmodules leaves submodules out. Default: they are shown where a repository says
	// how they are reached.
	NoSubmodules bool
	// HideReasons lets all reasons why a repository cannot be read that no Secret
	// names read alike; the log has them. For a server, in which many may name
	// addresses.
	HideReasons bool
	// CachedEntries is how many entries of directories are kept parsed, over
	// all repositories. Default: 25,000, which take about 3 MiB.
	CachedEntries int
	// CachedBytes is how much of the small files that were read last is kept, over
	// all repositories. Default: 8 MiB.
	CachedBytes int64
	// KeepUnused is how long the mirror of a repository that nobody asks for is
	// kept. Open removes older ones. Default: 30 days.
	KeepUnused time.Duration
	// IdleReader is after how long without use a repository's reading process
	// is stopped. Default: 1 min.
	IdleReader time.Duration
}

func (o Options) withDefaults() Options {
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	o.GitPath = orDefault(o.GitPath, "git")
	o.RefsTimeout = orDefault(o.RefsTimeout, time.Minute)
	o.FetchTimeout = orDefault(o.FetchTimeout, 10*time.Minute)
	o.StallTimeout = orDefault(o.StallTimeout, 30*time.Second)
	o.PerHost = orDefault(o.PerHost, 8)
	o.Transfers = orDefault(o.Transfers, 32)
	o.WaitTimeout = orDefault(o.WaitTimeout, 90*time.Second)
	o.MaxFile = orDefault(o.MaxFile, 12<<20)
	o.LargeFile = orDefault(o.LargeFile, 1<<20)
	o.MaxRefs = orDefault(o.MaxRefs, 4<<20)
	o.MaxMemory = orDefault(o.MaxMemory, 1<<30)
	o.MaxMemoryOfAll = orDefault(o.MaxMemoryOfAll, o.MaxMemory)
	o.MaxDisk = orDefault(o.MaxDisk, 16<<30)
	o.MaxPack = min(orDefault(o.MaxPack, 4<<30), o.share())
	o.CachedEntries = orDefault(o.CachedEntries, 25_000)
	o.CachedBytes = orDefault(o.CachedBytes, 8<<20)
	o.KeepUnused = orDefault(o.KeepUnused, 30*24*time.Hour)
	o.IdleReader = orDefault(o.IdleReader, time.Minute)
	return o
}

// home is an empty folder.
func (o Options) home() string { return filepath.Join(o.Dir, "home") }

// program returns what concerns the runs of git.
func (o Options) program() program.Options {
	return program.Options{
		Path: o.GitPath, Home: o.home(), Dir: o.Dir, AllowLocal: o.AllowLocal, StallTimeout: o.StallTimeout,
		MaxFile: o.MaxFile, MaxPack: o.MaxPack, MaxMemory: o.MaxMemory, MaxMemoryOfAll: o.MaxMemoryOfAll,
		AllowAddresses: o.AllowAddresses, Resolver: o.Resolver, HideReasons: o.HideReasons,
	}
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// maxListed is of how many submodules it is remembered what is said of them.
const maxListed = 5000

// Store keeps a bare mirror of each repository under one folder. It is safe for
// concurrent use.
type Store struct {
	options Options
	git     *program.Git
	// life ends with Close, and every process of the Store with it.
	life  context.Context
	end   context.CancelFunc
	trees *cache[[]syncline.Entry]
	files *cache[[]byte]
	// modules are what files .gitmodules say.
	modules *cache[[]submodule.Module]

	gate *gate.Gate
	// long are the places of long lists of refs; see longPlace.
	long chan struct{}

	mirrors mirrors
	disk    disk
}

// Open returns a Store over options.Dir.
func Open(options Options) (*Store, error) {
	options = options.withDefaults()
	dir, err := filepath.Abs(options.Dir)
	if err != nil || options.Dir == "" {
		return nil, syncline.Errorf(syncline.Invalid, "opening the Git cache: no folder %q: %w", options.Dir, err)
	}
	options.Dir = dir
	if options.GitPath, err = exec.LookPath(options.GitPath); err != nil {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "opening the Git cache: %w", err),
			"install git 2.37 or newer, or say where it is")
	}
	s := &Store{
		options: options,
		trees:   newTreeCache(options.CachedEntries),
		files:   newFileCache(options.CachedBytes),
		modules: newCache(maxListed, func(modules []submodule.Module) int64 { return int64(len(modules)) + 1 }),
		gate:    gate.New(options.PerHost, options.Transfers),
		long:    make(chan struct{}, 1),
	}
	for _, folder := range []string{options.home(), filepath.Join(dir, "mirrors")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("opening the Git cache: %w", err)
		}
	}
	if err := s.removeUnused(); err != nil {
		return nil, err
	}
	if err := s.removeLeftovers(); err != nil {
		return nil, err
	}
	s.measure()
	s.life, s.end = context.WithCancel(context.Background())
	s.git = program.New(s.life, options.program())
	if err := s.git.CheckVersion(options.RefsTimeout); err != nil {
		s.end()
		return nil, fmt.Errorf("opening the Git cache: %w", err)
	}
	return s, nil
}

// Close ends every process of the Store. Fetches and reads that go on fail.
func (s *Store) Close() error {
	s.end()
	for _, m := range s.mirrors.all() {
		m.reader.Stop()
	}
	return nil
}

// mirror returns the mirror of a repository, which may not be on disk yet.
func (s *Store) mirror(r *program.Remote) *mirror { return s.mirrorOf(r, "") }

// history returns the mirror that keeps the commits of a repository without files.
func (s *Store) history(r *program.Remote) *mirror { return s.mirrorOf(r, historySuffix) }

func (s *Store) mirrorOf(r *program.Remote, suffix string) *mirror {
	sum := sha256.Sum256([]byte(r.Key))
	m, made := s.mirrors.get(s.mirrorDir(hex.EncodeToString(sum[:16])+suffix), s)
	if made {
		_ = os.Chtimes(m.dir, time.Time{}, time.Now()) // fails when there is no mirror yet; see removeUnused
	}
	s.mirrors.use(m)
	return m
}

func (s *Store) mirrorDir(name string) string { return filepath.Join(s.options.Dir, "mirrors", name) }

// removeUnused deletes the mirrors that no Store touched for long.
func (s *Store) removeUnused() error {
	mirrors := filepath.Join(s.options.Dir, "mirrors")
	entries, err := os.ReadDir(mirrors)
	if err != nil {
		return fmt.Errorf("opening the Git cache: %w", err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || time.Since(info.ModTime()) < s.options.KeepUnused {
			continue // gone already, or in use
		}
		if err := os.RemoveAll(filepath.Join(mirrors, entry.Name())); err != nil {
			return fmt.Errorf("opening the Git cache: %w", err)
		}
	}
	return nil
}

// removeLeftovers deletes what a process that was killed left behind: mirrors that
// were being made or discarded, and what is left in others.
func (s *Store) removeLeftovers() error {
	mirrors := filepath.Join(escapeGlob(s.options.Dir), "mirrors")
	stale := leftovers(filepath.Join(mirrors, "*"))
	for _, pattern := range []string{"new-*", "old-*"} {
		found, _ := filepath.Glob(filepath.Join(mirrors, pattern)) // the pattern is good
		stale = append(stale, found...)
	}
	for _, path := range stale {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("opening the Git cache: %w", err)
		}
	}
	return nil
}

// leftovers lists what a process that was killed may have left in the mirrors that
// a pattern matches: locks and half-written packs.
func leftovers(mirrors string) []string {
	var stale []string
	for _, pattern := range []string{
		"*.lock", "objects/pack/tmp_*", "objects/pack/.tmp-*", "objects/tmp_*", "shallow_*", "lfs/tmp_*",
	} {
		found, _ := filepath.Glob(filepath.Join(mirrors, pattern)) // the pattern is good
		stale = append(stale, found...)
	}
	refs, _ := filepath.Glob(filepath.Join(mirrors, "refs"))
	for _, folder := range refs {
		_ = filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".lock") {
				stale = append(stale, path)
			}
			return nil // what cannot be listed is found again by git
		})
	}
	return stale
}

func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
