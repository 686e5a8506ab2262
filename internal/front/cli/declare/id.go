package declare

import "github.com/syncline-io/syncline"

// ID names the App that an Application declares.
func ID(namespace, name string) syncline.AppID {
	return syncline.AppID{Group: "argoproj.io", Kind: "Application", Namespace: namespace, Name: name}
}
