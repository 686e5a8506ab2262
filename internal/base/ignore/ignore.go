// Package ignore reads patterns as in .gitignore, by which files are left out. It reads no
// files itself.
package ignore

import (
	"path"
	"slices"
	"strings"
)

// File is the name of the files in which Flux looks for patterns.
const File = ".sourceignore"

// Usual are the patterns of what Flux leaves out of every source, unless a pattern behind
// them keeps it.
const Usual = `.git/
.gitignore
.gitmodules
.gitattributes
*.jpg
*.jpeg
*.gif
*.png
*.wmv
*.flv
*.tar.gz
*.zip
.github/
.circleci/
.travis.yml
.gitlab-ci.yml
appveyor.yml
.drone.yml
cloudbuild.yaml
codeship-services.yml
codeship-steps.yml
**/.goreleaser.yml
**/.sops.yaml
**/.flux.yaml
`

// Most is how many patterns are read of one text, and longest how long one may be, in
// bytes: what is behind or longer counts for nothing, so that nothing is left out by it.
const (
	Most    = 1000
	longest = 1024
)

// Rules are patterns, of which the last that fits decides. The zero value leaves nothing
// out.
type Rules struct{ patterns []pattern }

// pattern is one line.
type pattern struct {
	// folder is where it holds, in parts.
	folder []string
	parts  []string
	// keeps says that what fits is kept, whatever came before; folders that only folders
	// fit, with all that is in them; anchored that it begins at the folder.
	keeps, folders, anchored bool
}

// And returns the rules with those of a text behind them, which hold in a folder; "" is
// the root. The rules of a text are those of Git: "#" begins a comment, "!" keeps what a
// pattern before left out, "/" in front or in the middle binds it to the folder, "/" at the
// end means folders, and "**" is any number of folders. Unlike in Git, and as in Flux, what
// is in a folder that is left out can be kept.
func (r Rules) And(folder, text string) Rules {
	var below []string
	if folder != "" {
		below = strings.Split(folder, "/")
	}
	patterns := slices.Clone(r.patterns)
	count := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" || len(line) > longest {
			continue
		}
		if count++; count > Most {
			break
		}
		patterns = append(patterns, read(below, line))
	}
	return Rules{patterns}
}

// read reads a line.
func read(folder []string, line string) pattern {
	p := pattern{folder: folder}
	line, p.keeps = strings.CutPrefix(line, "!")
	if !strings.HasSuffix(line, `\ `) {
		line = strings.TrimRight(line, " ")
	}
	line, p.folders = strings.CutSuffix(line, "/")
	p.anchored = strings.Contains(line, "/")
	p.parts = strings.Split(strings.TrimPrefix(line, "/"), "/")
	return p
}

// Leaves reports whether a file is left out. Its path is slash-separated.
func (r Rules) Leaves(file string) bool {
	parts := strings.Split(file, "/")
	for _, p := range slices.Backward(r.patterns) {
		if p.fits(parts) {
			return !p.keeps
		}
	}
	return false
}

// fits reports whether the pattern is one of a file, or of a folder that it is in.
func (p pattern) fits(file []string) bool {
	if len(file) <= len(p.folder) || !slices.Equal(file[:len(p.folder)], p.folder) {
		return false
	}
	file = file[len(p.folder):]
	end := len(file) // how many names of the path may be what fits
	if p.folders {
		end--
	}
	if !p.anchored {
		return slices.ContainsFunc(file[:end], func(name string) bool { return matches(p.parts[0], name) })
	}
	return p.reaches(file, end)
}

// reaches reports whether the parts fit the beginning of a path, of at most so many names.
func (p pattern) reaches(file []string, end int) bool {
	at := make([]bool, len(file)+1) // how far the parts so far may have come
	at[0] = true
	for i, part := range p.parts {
		next := make([]bool, len(file)+1)
		for j, here := range at {
			switch {
			case !here:
			case part == "**" && i == len(p.parts)-1: // whatever is in it
				return j < len(file)
			case part == "**":
				for k := j; k <= len(file); k++ {
					next[k] = true
				}
			case j < len(file) && matches(part, file[j]):
				next[j+1] = true
			}
			if here && part == "**" {
				break // the others are behind it
			}
		}
		at = next
	}
	return slices.Contains(at[:end+1], true)
}

// matches reports whether a pattern without a slash fits a name. One that is none fits
// nothing.
func matches(part, name string) bool {
	fits, err := path.Match(part, name)
	return err == nil && fits
}
