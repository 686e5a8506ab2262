package policy

import (
	"cmp"
	"strings"

	"github.com/syncline-io/syncline"
)

// Identity returns as whom the objects of an App are written: as a ServiceAccount, where
// its project says so (Argo CD: spec.destinationServiceAccounts, of which the first that
// matches counts), else as the App itself says. It is Denied when the project says that
// there has to be one.
func Identity(project syncline.Project, app syncline.App, target syncline.Target) (syncline.Identity, error) {
	for _, rule := range project.Accounts {
		if !rule.Server.Matches(target.Server) || !rule.Namespace.Matches(app.Destination.Namespace) {
			continue
		}
		namespace, name, qualified := strings.Cut(rule.Account, ":")
		if !qualified {
			namespace, name = cmp.Or(app.Destination.Namespace, app.ID.Namespace), rule.Account
		}
		return syncline.Identity{User: "system:serviceaccount:" + namespace + ":" + name}, nil
	}
	if project.AccountsOnly {
		return syncline.Identity{}, syncline.WithHint(
			syncline.Errorf(syncline.Denied, "no service account of project '%s' is for destination server '%s' and namespace '%s'",
				project.Name, target.Server, app.Destination.Namespace),
			"add one to spec.destinationServiceAccounts of the AppProject")
	}
	return app.As, nil
}
