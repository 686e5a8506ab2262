package upstream

import "github.com/syncline-io/syncline/internal/base/sealed"

// Exchange is how a token for a repository is had from another server, where its Secret
// has no credentials that are sent as they are. One of its parts is set, or none. It is
// comparable.
type Exchange struct {
	GitHub GitHubApp
	Azure  AzureIdentity
	// Google is the key of a service account, in the JSON in which Google hands it out.
	// The token is asked for where the key says.
	Google sealed.Text
}

// GitHubApp is an installation of a GitHub App.
type GitHubApp struct {
	// ID is the App's, Installation that of its installation. Without one, that which may
	// see the repository is looked for.
	ID, Installation string
	// Key is the App's private key, in PEM.
	Key sealed.Text
	// API is the address of the API. Default: that of github.com.
	API string
}

// AzureIdentity is who asks Azure: a service principal, or the workload itself.
type AzureIdentity struct {
	// Workload says that it is the identity that the cluster gives to Syncline's Pod.
	Workload bool
	// Client, Secret and Tenant are those of a service principal.
	Client, Tenant string
	Secret         sealed.Text
	// Authority is the address at which tokens are asked for. Default: that of Azure's
	// public cloud.
	Authority string
}

// String returns what kind of credentials these are, "" for none.
func (e Exchange) String() string {
	switch {
	case e.GitHub != GitHubApp{}:
		return "GitHub App"
	case e.Azure.Workload:
		return "Azure workload identity"
	case e.Azure != AzureIdentity{}:
		return "Azure service principal"
	case e.Google != "":
		return "Google service account"
	}
	return ""
}
