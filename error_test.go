package syncline_test

import (
	"errors"
	"testing"

	"github.com/syncline-io/syncline"
)

func TestAboutNamesAnObjectOnce(t *testing.T) {
	ref := syncline.Ref{Kind: "Service", Namespace: "shop", Name: "web"}
	for message, want := range map[string]string{
		"it is refused":                          "Service/shop/web: it is refused",
		"Service/shop/web apply failed":          "Service/shop/web apply failed",
		"apply of Service/shop/web":              "apply of Service/shop/web",
		"Service/shop/web: no":                   "Service/shop/web: no",
		"it belongs to Service/shop/web-2":       "Service/shop/web: it belongs to Service/shop/web-2",
		"Service/shop/web2 and Service/shop/web": "Service/shop/web2 and Service/shop/web",
	} {
		if got := syncline.About(ref, errors.New(message)).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
