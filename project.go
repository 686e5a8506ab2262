package syncline

import (
	"errors"
	"strings"

	"github.com/syncline-io/syncline/internal/base/glob"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/base/window"
)

// Project says what its Apps may use and touch, as an Argo CD AppProject does.
type Project struct {
	Name string
	// SourceRepos are the repositories that may be used.
	SourceRepos []upstream.Pattern
	// Destinations are where objects may go.
	Destinations []DestinationRule
	// OwnClusters restricts them to clusters that belong to the project.
	OwnClusters bool
	// ClusterAllow and ClusterDeny restrict cluster-scoped kinds. Nothing is
	// allowed that ClusterAllow does not name.
	ClusterAllow, ClusterDeny []KindRule
	// NamespaceAllow and NamespaceDeny restrict namespaced kinds. A nil
	// NamespaceAllow allows all.
	NamespaceAllow, NamespaceDeny []KindRule
	// Signatures say what of repositories has to be signed, and by whom: nothing else has.
	Signatures []signing.Rule
	// Windows say when Apps may be synced.
	Windows []window.Rule
	// Accounts say as whom Apps write, by the first that matches; with AccountsOnly none
	// is delivered for which none does.
	Accounts     []AccountRule
	AccountsOnly bool
}

// DestinationRule names destinations by globs. Denies says that it had a "!" in
// front of one of its parts. A cluster is named by its Server or by its Name.
type DestinationRule struct {
	Server, Name, Namespace glob.Pattern
	Denies                  bool
}

// NewDestinationRule reads the globs of a rule; "!" in front of any part denies.
func NewDestinationRule(globs Destination) DestinationRule {
	rule := DestinationRule{}
	read := func(text string) glob.Pattern {
		text, denies := strings.CutPrefix(text, "!")
		rule.Denies = rule.Denies || denies
		return glob.Compile(text)
	}
	rule.Server, rule.Name, rule.Namespace = read(globs.Server), read(globs.Name), read(globs.Namespace)
	return rule
}

// AccountRule says as whom is written to what its Server and its Namespace match: as a
// ServiceAccount NAME of the namespace that is written to, or NAMESPACE:NAME.
type AccountRule struct {
	DestinationRule
	Account string
}

// KindRule names kinds by globs. An empty Name matches every object.
type KindRule struct {
	Group, Kind, Name glob.Pattern
}

// NewKindRule reads the globs of a rule.
func NewKindRule(group, kind, name string) KindRule {
	return KindRule{Group: glob.Compile(group), Kind: glob.Compile(kind), Name: glob.Compile(name)}
}

// Matches reports whether the rule names the object.
func (r KindRule) Matches(ref Ref) bool {
	return r.Group.Matches(ref.Group) && r.Kind.Matches(ref.Kind) && (r.Name.String() == "" || r.Name.Matches(ref.Name))
}

// Err joins why patterns of the project cannot be read, nil when all can. What
// such a project denies is not known: nothing of it may be delivered.
func (p Project) Err() error {
	var errs []error
	for _, pattern := range p.SourceRepos {
		errs = append(errs, pattern.Err())
	}
	for _, d := range p.Destinations {
		errs = append(errs, d.Server.Err(), d.Name.Err(), d.Namespace.Err())
	}
	for _, rules := range [][]KindRule{p.ClusterAllow, p.ClusterDeny, p.NamespaceAllow, p.NamespaceDeny} {
		for _, rule := range rules {
			errs = append(errs, rule.Group.Err(), rule.Kind.Err(), rule.Name.Err())
		}
	}
	for _, rule := range p.Signatures {
		errs = append(errs, rule.Err())
	}
	for _, rule := range p.Windows {
		errs = append(errs, rule.Err())
	}
	for _, rule := range p.Accounts {
		errs = append(errs, rule.Server.Err(), rule.Namespace.Err())
	}
	return errors.Join(errs...)
}
