package view

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
)

// History lays out what was deployed.
func History(history []syncline.Deployment, wide bool) []string {
	table := Table{Header: []string{"ID", "DATE", "REVISION", "BY"}}
	if wide {
		table.Header = append(table.Header, "TOOK", "SOURCE")
	}
	for _, deployment := range history {
		by := cmp.Or(deployment.By.Username, "-")
		if deployment.By.Automated {
			by = "automated sync"
		}
		row := []string{
			fmt.Sprint(deployment.ID), deployment.DeployedAt.UTC().Format(time.RFC3339),
			strings.Join(Short(deployment.Revisions), ", "), by,
		}
		if wide {
			var sources []string
			for _, source := range deployment.Sources {
				sources = append(sources, source.RepoURL+" "+cmp.Or(source.Path, source.Chart))
			}
			row = append(row, tookWords(deployment), strings.Join(sources, ", "))
		}
		table.Add(row...)
	}
	return table.Lines()
}

func tookWords(deployment syncline.Deployment) string {
	if deployment.StartedAt.IsZero() {
		return "-"
	}
	return max(0, deployment.DeployedAt.Sub(deployment.StartedAt)).Round(time.Second).String()
}
