package testenv

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// GitRepo is a bare repository of a GitServer. Its default branch is main.
type GitRepo struct {
	// Dir is where it is on disk, and URL where it is served.
	Dir string
	URL string
}

// Create makes an empty repository, or opens the one of that name that Dir had already.
func (s *GitServer) Create(ctx context.Context, name string) (*GitRepo, error) {
	repo := &GitRepo{Dir: filepath.Join(s.options.Dir, filepath.FromSlash(name)+".git"), URL: s.URL(name)}
	command := exec.CommandContext(ctx, "git", "init", "--quiet", "--bare", "--template=", "--initial-branch=main", repo.Dir)
	command.Env = gitEnvironment()
	if output, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("creating repository %s: %w: %s", name, err, output)
	}
	return repo, nil
}

// GitCommit is a change to the files of a branch. Paths are slash-separated.
type GitCommit struct {
	// Branch that moves, made when it is missing. Default: main.
	Branch string
	// Message. Default: "change".
	Message string
	// Date of the commit. Default: now.
	Date time.Time
	// Orphan begins the branch anew, without a parent and without files.
	Orphan bool
	// Files and Executables map paths to contents, Links to what they point
	// at, Submodules to a commit of another repository.
	Files       map[string]string
	Executables map[string]string
	Links       map[string]string
	Submodules  map[string]string
	// Delete lists files and folders. It is done first.
	Delete []string
}

// Commit performs a change and returns the name of the commit.
func (r *GitRepo) Commit(ctx context.Context, change GitCommit) (string, error) {
	branch := "refs/heads/" + change.Branch
	if change.Branch == "" {
		branch = "refs/heads/main"
	}
	parent, err := r.Git(ctx, "for-each-ref", "--format=%(objectname)", branch)
	if err != nil {
		return "", err
	}
	if change.Orphan {
		parent = ""
	}
	commit, err := r.run(ctx, change.script(branch, parent), "fast-import", "--quiet", "--force", "--done")
	if err != nil {
		return "", fmt.Errorf("committing to %s: %w", r.Dir, err)
	}
	return commit, nil
}

// script writes the change in the language of git fast-import.
func (c GitCommit) script(branch, parent string) []byte {
	var b bytes.Buffer
	message, date := c.Message, c.Date
	if message == "" {
		message = "change"
	}
	if date.IsZero() {
		date = time.Now()
	}
	if parent == "" {
		fmt.Fprintf(&b, "reset %s\n", branch)
	}
	fmt.Fprintf(&b, "commit %s\nmark :1\ncommitter Syncline <syncline@example.com> %d +0000\ndata %d\n%s\n",
		branch, date.Unix(), len(message), message)
	if parent != "" {
		fmt.Fprintf(&b, "from %s\n", parent)
	}
	for _, name := range c.Delete {
		fmt.Fprintf(&b, "D %s\n", quoted(name))
	}
	for mode, files := range map[string]map[string]string{"100644": c.Files, "100755": c.Executables, "120000": c.Links} {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			fmt.Fprintf(&b, "M %s inline %s\ndata %d\n%s\n", mode, quoted(name), len(files[name]), files[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Submodules)) {
		fmt.Fprintf(&b, "M 160000 %s %s\n", c.Submodules[name], quoted(name))
	}
	b.WriteString("\nget-mark :1\ndone\n")
	return b.Bytes()
}

// quoted writes a path as fast-import reads it.
func quoted(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(name) + `"`
}

// Branch makes or moves a branch.
func (r *GitRepo) Branch(ctx context.Context, name, commit string) error {
	_, err := r.Git(ctx, "update-ref", "refs/heads/"+name, commit)
	return err
}

// Tag makes or moves a tag. It is annotated when there is a message.
func (r *GitRepo) Tag(ctx context.Context, name, commit, message string) error {
	args := []string{"-c", "user.name=Syncline", "-c", "user.email=syncline@example.com", "tag", "--force"}
	if message != "" {
		args = append(args, "--annotate", "--message="+message)
	}
	_, err := r.Git(ctx, append(args, "--", name, commit)...)
	return err
}

// DeleteRef deletes a branch or tag by its full name, such as refs/heads/old.
func (r *GitRepo) DeleteRef(ctx context.Context, ref string) error {
	_, err := r.Git(ctx, "update-ref", "-d", ref)
	return err
}

// Git runs git in the repository and returns what it prints, trimmed.
func (r *GitRepo) Git(ctx context.Context, args ...string) (string, error) {
	return r.run(ctx, nil, args...)
}

func (r *GitRepo) run(ctx context.Context, stdin []byte, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", append([]string{"--git-dir", r.Dir}, args...)...)
	command.Env = gitEnvironment()
	command.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// GitFiles reads a folder into a map for GitCommit.Files, its paths below
// under. Links and what is not a regular file are left out.
func GitFiles(folder fs.FS, under string) (map[string]string, error) {
	files := map[string]string{}
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := fs.ReadFile(folder, name)
		files[path.Join(under, name)] = string(data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading files to commit: %w", err)
	}
	return files, nil
}
