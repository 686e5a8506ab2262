package project

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
)

// toAccounts translates as whom is written. The error names the first that cannot be read.
func toAccounts(declared []v1alpha1.DestinationServiceAccount) ([]syncline.AccountRule, error) {
	var rules []syncline.AccountRule
	for i, d := range declared {
		rule := syncline.AccountRule{
			DestinationRule: toDestination(v1alpha1.ApplicationDestination{Server: d.Server, Namespace: d.Namespace}),
			Account:         strings.TrimSpace(d.DefaultServiceAccount),
		}
		namespace, name, qualified := strings.Cut(rule.Account, ":")
		if !qualified {
			namespace, name = "default", rule.Account
		}
		switch {
		case rule.Denies:
			return nil, fmt.Errorf("spec.destinationServiceAccounts[%d]: \"!\" denies nothing here", i)
		case len(validation.IsDNS1123Label(namespace)) > 0, len(validation.IsDNS1123Subdomain(name)) > 0:
			return nil, fmt.Errorf("spec.destinationServiceAccounts[%d]: %q is neither the name of a service account nor NAMESPACE:NAME", i, d.DefaultServiceAccount)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}
