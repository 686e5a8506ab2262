package declare

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/syncline-io/syncline"
)

// LocalRepository makes the path of a folder absolute and leaves a URL.
func LocalRepository(url string) (string, error) {
	info, err := os.Stat(url)
	if err != nil || !info.IsDir() {
		return url, nil //nolint:nilerr // then it is a URL, or the one who reads it says what is wrong
	}
	absolute, err := filepath.Abs(url)
	if err != nil {
		return "", syncline.Errorf(syncline.Invalid, "%s: %w", url, err)
	}
	return absolute, nil
}

// Locate returns the tree that a folder is in, and the folder's path in it.
func Locate(folder string) (root, path string, err error) {
	absolute, err := filepath.Abs(folder)
	if err != nil {
		return "", "", syncline.Errorf(syncline.Invalid, "%s: %w", folder, err)
	}
	info, err := os.Stat(absolute)
	switch {
	case os.IsNotExist(err):
		return "", "", syncline.Errorf(syncline.Invalid, "%s does not exist", folder)
	case err != nil:
		return "", "", syncline.Errorf(syncline.Invalid, "%w", err)
	case !info.IsDir():
		return "", "", syncline.Errorf(syncline.Invalid, "%s is not a folder", folder)
	}
	for root = absolute; ; root = filepath.Dir(root) {
		if _, err := os.Lstat(filepath.Join(root, ".git")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			return absolute, "", nil
		}
	}
	relative, err := filepath.Rel(root, absolute)
	if err != nil {
		return "", "", syncline.Errorf(syncline.Internal, "%s: %w", folder, err)
	}
	if relative == "." {
		relative = ""
	}
	return root, filepath.ToSlash(relative), nil
}

// Given lists the given flags that say something about the app. One that says
// nothing, such as --self-heal=false, would take away nothing of a file.
func Given(cmd *cobra.Command) (given []string, err error) {
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		ofAll := cmd.InheritedFlags().Lookup(flag.Name) != nil
		if ofAll || slices.Contains([]string{"file", "upsert", "output"}, flag.Name) {
			return
		}
		given = append(given, "--"+flag.Name)
		if value := flag.Value.String(); value == "" || value == "false" {
			err = syncline.Errorf(syncline.Invalid, "--%s=%s takes nothing away from a file: change it there", flag.Name, value)
		}
	})
	return given, err
}
