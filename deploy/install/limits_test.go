package install_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

// The container's memory holds what all processes may take at once, and the agent.
func TestTheMemoryLimitHolds(t *testing.T) {
	text, err := os.ReadFile("deployment.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var deployment appsv1.Deployment
	if err := yaml.UnmarshalStrict(text, &deployment); err != nil {
		t.Fatal(err)
	}
	container := deployment.Spec.Template.Spec.Containers[0]
	flag := func(name string) int64 {
		for _, arg := range container.Args {
			if found := regexp.MustCompile(`^--` + name + `=(\d+)$`).FindStringSubmatch(arg); found != nil {
				value, err := strconv.ParseInt(found[1], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				return value
			}
		}
		t.Fatalf("--%s is not given: the limit follows from it", name)
		return 0
	}
	const others, agent = 6 * 128, 1024
	need := flag("render-workers")*flag("render-memory-mib") + flag("git-memory-mib") + others + agent
	if limit := container.Resources.Limits.Memory().Value() >> 20; limit < need {
		t.Errorf("the memory limit is %d MiB, and %d are needed", limit, need)
	}
	for _, volume := range deployment.Spec.Template.Spec.Volumes {
		if volume.EmptyDir != nil && volume.EmptyDir.SizeLimit == nil {
			t.Errorf("volume %s has no limit", volume.Name)
		}
		const packs = 4096 // that are written before room is made for them; see --git-pack-mib
		if disk := flag("git-disk-mib"); volume.Name == "data" && volume.EmptyDir.SizeLimit.Value()>>20 < disk+packs {
			t.Errorf("volume %s has no room for the mirrors' %d MiB and a pack", volume.Name, disk)
		}
	}
}
