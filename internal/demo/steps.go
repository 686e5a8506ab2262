package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

const (
	// rootApp is the app of apps.
	rootApp = "examples"
	// colour and newColour are what podinfo's page has before and after a commit.
	colour, newColour = "#34577c", "#c2410c"
	colourVariable    = "PODINFO_UI_COLOR"
)

// deliver creates the app of apps, and waits until everything is there.
func (s *stage) deliver(ctx context.Context, result *Result) error {
	root := s.apps[rootApp]
	if root == nil {
		return fmt.Errorf("examples/%s declares no Application %s", rootFile, rootApp)
	}
	if s.given() { // uninstall deletes it first, and sees that all is gone
		s.say.sayf("the cluster was given; what is delivered is removed at the end")
	}
	began := time.Now()
	if _, err := s.api.Create(ctx, applications(), root); err != nil {
		return err
	}
	s.say.sayf("created Application %s, which delivers the others", rootApp)
	s.howToLook()
	s.narrate(ctx)
	if err := s.eyes.await(ctx, deliverLimit, all(s.everyAppDelivered(), initially(colour))); err != nil {
		return err
	}
	result.Deliver = since(began)
	s.say.sayf("%d Applications are synced and healthy after %d ms; Deployments, definitions, waves and hooks were checked", len(s.apps), result.Deliver)
	return nil
}

// everyAppDelivered holds when every declared Application is delivered at the last commit.
func (s *stage) everyAppDelivered() condition {
	conditions := make([]condition, 0, len(s.apps))
	for _, name := range s.names() {
		conditions = append(conditions, delivered(name, s.revision))
	}
	return all(conditions...)
}

// initially holds when the cluster has what the examples declare. It knows them by heart, not by rendering them.
func initially(podinfoColour string) condition {
	return all(
		available("podinfo", "podinfo", 2), tracked(deployments(), "podinfo", "podinfo", "podinfo"),
		container("podinfo", "podinfo", environment(colourVariable, podinfoColour)),
		container("podinfo", "podinfo", image("podinfo:6.9.2")),
		available("podinfo-chart", "podinfo", 2), tracked(services(), "podinfo-chart", "podinfo", "podinfo-chart"),
		container("podinfo-chart", "podinfo", environment("PODINFO_UI_MESSAGE", "delivered by Syncline")),
		available("cert-manager", "cert-manager", 1), available("cert-manager", "cert-manager-cainjector", 1),
		available("cert-manager", "cert-manager-webhook", 1),
		container("cert-manager", "cert-manager", image("cert-manager-controller:v1.21.2")),
		established("certificates.cert-manager.io", "certificaterequests.cert-manager.io", "issuers.cert-manager.io",
			"clusterissuers.cert-manager.io", "orders.acme.cert-manager.io", "challenges.acme.cert-manager.io"),
		available("argo-rollouts", "argo-rollouts", 1), container("argo-rollouts", "argo-rollouts", image("argo-rollouts:v1.10.2")),
		established("rollouts.argoproj.io", "experiments.argoproj.io", "analysisruns.argoproj.io",
			"analysistemplates.argoproj.io", "clusteranalysistemplates.argoproj.io"),
		available("guestbook", "frontend", 3), available("guestbook", "redis", 1),
		available("jsonnet", "web-north", 2), available("jsonnet", "web-south", 2),
		container("jsonnet", "web-north", environment("GREETING", "Moin!")),
		present(configMaps(), "waves", "flags"), inWaves, inPhases,
	)
}

// commit changes a file, and waits for the change and its rollout.
func (s *stage) commit(ctx context.Context, result *Result) error {
	began, err := s.committed(ctx, testenv.GitCommit{
		Message: "Paint podinfo orange",
		Files:   map[string]string{"podinfo/colour.yaml": colourPatch(newColour)},
	})
	if err != nil {
		return err
	}
	if err := s.eyes.await(ctx, readyLimit, container("podinfo", "podinfo", environment(colourVariable, newColour))); err != nil {
		return err
	}
	result.CommitToApplied = since(began)
	if err := s.eyes.await(ctx, readyLimit, all(available("podinfo", "podinfo", 2), delivered("podinfo", s.revision))); err != nil {
		return err
	}
	result.CommitToHealthy = since(began)
	s.say.sayf("podinfo/podinfo had the new colour after %d ms, and was rolled out after %d ms", result.CommitToApplied, result.CommitToHealthy)
	return nil
}

// committed commits a change, tells so, and returns when that was.
func (s *stage) committed(ctx context.Context, change testenv.GitCommit) (time.Time, error) {
	if err := s.push(ctx, change); err != nil {
		return time.Time{}, err
	}
	s.say.sayf("committed %.8s: %s", s.revision, change.Message)
	return time.Now(), nil
}

func colourPatch(colour string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: podinfo
spec:
  template:
    spec:
      containers:
      - name: podinfod
        env:
        - name: %s
          value: %q
`, colourVariable, colour)
}

// drift scales a Deployment as kubectl does, and waits until it is as declared again.
func (s *stage) drift(ctx context.Context, result *Result) error {
	began := time.Now()
	scaled, err := s.patch(ctx, "guestbook", "frontend", map[string]any{"spec": map[string]any{"replicas": 7}})
	if err != nil {
		return err
	}
	s.say.sayf("scaled guestbook/frontend to 7 replicas by hand")
	err = s.eyes.await(ctx, readyLimit, func(v view) string {
		now, _ := lookup[appsv1.Deployment](v, deployments(), "guestbook", "frontend")
		if now.Generation <= scaled || *now.Spec.Replicas != 3 {
			return "Deployment guestbook/frontend does not have 3 replicas again"
		}
		return ""
	})
	if err != nil {
		return err
	}
	result.DriftToFixed = since(began)
	s.say.sayf("it was back at 3 after %d ms", result.DriftToFixed)
	return s.eyes.await(ctx, readyLimit, all(available("guestbook", "frontend", 3), delivered("guestbook", s.revision)))
}

// patch changes a Deployment by hand and returns its generation afterwards.
func (s *stage) patch(ctx context.Context, namespace, name string, change map[string]any) (int64, error) {
	data, err := json.Marshal(change)
	if err != nil {
		return 0, err
	}
	u, err := s.api.Patch(ctx, deployments(), types.NamespacedName{Namespace: namespace, Name: name},
		kube.Patch{Type: types.MergePatchType, Data: data, Manager: "kubectl-patch"})
	if err != nil {
		return 0, err
	}
	return u.GetGeneration(), nil
}

// loss deletes a Service by hand, and waits for a new one.
func (s *stage) loss(ctx context.Context, result *Result) error {
	web := key{services(), types.NamespacedName{Namespace: "jsonnet", Name: "web-north"}}
	seen, err := s.eyes.know(ctx, readyLimit, web)
	if err != nil {
		return err
	}
	before := seen.uid(web)
	began := time.Now()
	if err := s.api.Delete(ctx, web.resource, web.name, before); err != nil {
		return err
	}
	s.say.sayf("deleted Service jsonnet/web-north by hand")
	err = s.eyes.await(ctx, readyLimit, func(v view) string {
		if now, ok := v[web]; !ok || now.GetUID() == before {
			return "Service jsonnet/web-north was not created anew"
		}
		return ""
	})
	if err != nil {
		return err
	}
	result.LossToFixed = since(began)
	s.say.sayf("it was there again after %d ms", result.LossToFixed)
	return s.eyes.await(ctx, readyLimit, delivered("jsonnet", s.revision))
}

// prune deletes a file, and waits until its object is gone, and no other.
func (s *stage) prune(ctx context.Context, result *Result) error {
	flags := key{configMaps(), types.NamespacedName{Namespace: "waves", Name: "flags"}}
	before, err := s.eyes.know(ctx, readyLimit, flags)
	if err != nil {
		return err
	}
	began, err := s.committed(ctx, testenv.GitCommit{
		Message: "Delete the feature flags", Delete: []string{"waves/flags.yaml"},
	})
	if err != nil {
		return err
	}
	if err := s.eyes.await(ctx, readyLimit, absent(configMaps(), "waves", "flags")); err != nil {
		return err
	}
	result.CommitToPruned = since(began)
	others := []condition{delivered("waves", s.revision)}
	for object, was := range before {
		if object.name.Namespace == "waves" && object != flags {
			others = append(others, same(object, was.GetUID()))
		}
	}
	if err := s.eyes.await(ctx, readyLimit, all(others...)); err != nil {
		return err
	}
	result.PruneOK = true
	s.say.sayf("ConfigMap waves/flags was gone after %d ms, and %d others were left alone", result.CommitToPruned, len(others)-1)
	return nil
}

// same holds when the object is still the one with that UID.
func same(object key, uid types.UID) condition {
	return func(v view) string {
		if now, ok := v[object]; !ok || now.GetUID() != uid {
			return fmt.Sprintf("%s %s was deleted although it is declared", object.resource.Resource, object.name)
		}
		return ""
	}
}

// settle waits until everything is as the last commit declares it, and counts the Applications.
func (s *stage) settle(ctx context.Context, result *Result) error {
	err := s.eyes.await(ctx, readyLimit, all(s.everyAppDelivered(), finally()))
	seen, _ := s.eyes.now()
	for object, u := range seen {
		if object.resource != applications() {
			continue
		}
		result.Apps++
		state := stateOf(u)
		if state.sync == "Synced" {
			result.Synced++
		}
		if state.health == "Healthy" {
			result.Healthy++
		}
	}
	if err != nil {
		return err
	}
	if result.Apps != len(s.apps) {
		return fmt.Errorf("there are %d Applications, not the %d that are declared", result.Apps, len(s.apps))
	}
	s.say.sayf("%d Applications are synced and healthy at %.8s", result.Apps, s.revision)
	return nil
}

// finally holds when the cluster is as the commits of the demo left it.
func finally() condition {
	return all(
		available("podinfo", "podinfo", 2), container("podinfo", "podinfo", environment(colourVariable, newColour)),
		available("guestbook", "frontend", 3), present(services(), "jsonnet", "web-north"),
		absent(configMaps(), "waves", "flags"), absent(configMaps(), visitor, "hello"),
		available("cert-manager", "cert-manager", 1), available("argo-rollouts", "argo-rollouts", 1),
	)
}

func since(began time.Time) int64 { return time.Since(began).Milliseconds() }
