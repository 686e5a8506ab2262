package settings_test

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline/internal/dialect/argo/settings"
	"github.com/syncline-io/syncline/internal/dialect/argo/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Kind{
		Open: func(changed func()) storetest.Opened {
			store := settings.NewStore()
			store.Changed = func(settings.Rules) { changed() }
			return storetest.Opened{Store: store, Held: store.Held, Read: func() string {
				rule, ok := store.Find(schema.GroupKind{Group: "apps", Kind: "Deployment"})
				return fmt.Sprint(rule, ok)
			}}
		},
		One:    configMap(t, `resource.customizations.health.apps_Deployment: return nil`),
		Other:  configMap(t, `resource.customizations.health.apps_*: return {}`),
		Broken: configMap(t, `{resource.customizations: "{", resource.customizations.health.a_b_C: x}`),
	})
}

// What is not read is told once, however often the ConfigMap changes.
func TestUnreadIsToldOnce(t *testing.T) {
	store := settings.NewStore()
	var told []string
	store.Unread = func(key string) { told = append(told, key) }
	for _, text := range []string{`{resource.exclusions: x}`, `{resource.exclusions: x, url: z}`, `{resource.exclusions: z, resource.inclusions: x}`} {
		if err := store.Put(configMap(t, text)); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"resource.exclusions", "resource.inclusions"}; !slices.Equal(told, want) {
		t.Errorf("told are %v, want %v", told, want)
	}
}
