package render

import (
	"errors"
	"io/fs"
	"path"

	"github.com/syncline-io/syncline"
)

// chooseTool returns what renders the source: the tool whose options it has,
// else the one that the files of its folder ask for. A folder with both a chart
// and a kustomization is a kustomization, as in Argo CD.
func chooseTool(source syncline.Source, files syncline.Tree) (syncline.Tool, error) {
	declared := source.Declared()
	switch {
	case len(declared) > 1:
		return "", syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "the source has options of %s and of %s", declared[0], declared[1]),
			"keep those of one tool")
	case len(declared) == 1:
		return declared[0], nil
	case source.Chart != "":
		return syncline.ToolHelm, nil
	}
	return detectTool(source.Path, files)
}

// markers are the files that ask for a tool, in the order in which they count.
var markers = []struct {
	name string
	tool syncline.Tool
}{
	{"kustomization.yaml", syncline.ToolKustomize},
	{"kustomization.yml", syncline.ToolKustomize},
	{"Kustomization", syncline.ToolKustomize},
	{"Chart.yaml", syncline.ToolHelm},
}

// detectTool asks for each marker rather than for all files, so that another
// file in the folder does not make it render again.
func detectTool(folder string, files syncline.Tree) (syncline.Tool, error) {
	for _, marker := range markers {
		entry, err := files.Stat(path.Join(folder, marker.name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return "", err
		case entry.Type == syncline.EntryFile:
			return marker.tool, nil
		}
	}
	return syncline.ToolDirectory, nil
}
