package project

import (
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
)

// global is a project from which those inherit that its selector names (Argo CD: global
// projects).
type global struct {
	name     string
	selector labels.Selector
}

// globalsOf reads the key globalProjects of argocd-cm.
func globalsOf(text string) ([]global, error) {
	var declared []struct {
		ProjectName   string               `json:"projectName"`
		LabelSelector metav1.LabelSelector `json:"labelSelector"`
	}
	if err := yaml.UnmarshalStrict([]byte(text), &declared); err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "globalProjects in ConfigMap argocd-cm cannot be read: %w", err)
	}
	var globals []global
	for i, d := range declared {
		selector, err := metav1.LabelSelectorAsSelector(&d.LabelSelector)
		if err == nil && d.ProjectName == "" {
			err = fmt.Errorf("it has no projectName")
		}
		if err != nil {
			return nil, syncline.Errorf(syncline.Invalid, "globalProjects[%d] in ConfigMap argocd-cm: %w", i, err)
		}
		globals = append(globals, global{d.ProjectName, selector})
	}
	return globals, nil
}

// Inherit has projects inherit from now on from those that globalProjects of argocd-cm
// names. While the text cannot be read nothing of any project is delivered, because it is
// not known what is forbidden: that is the error.
func (s *Store) Inherit(text string) error {
	s.mu.Lock()
	if s.inherits == text {
		s.mu.Unlock()
		return nil
	}
	s.inherits = text
	s.globals, s.errGlobals = globalsOf(text)
	names, err := slices.Collect(maps.Keys(s.entries)), s.errGlobals
	s.mu.Unlock()
	s.tell(names...)
	return err
}

// inheriting returns a project with what it inherits. The caller holds the lock.
func (s *Store) inheriting(own entry) (syncline.Project, error) {
	project := own.project
	for _, g := range s.globals {
		if g.name == project.Name || !g.selector.Matches(own.labels) {
			continue
		}
		from, there := s.entries[g.name]
		if !there || from.err != nil {
			return syncline.Project{}, syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "project %s inherits from the global project %s, which is not there or cannot be read: "+
					"nothing of the project is delivered, because it is not known what is forbidden", project.Name, g.name),
				"mend AppProject "+g.name+", or globalProjects in ConfigMap argocd-cm")
		}
		project.SourceRepos = slices.Concat(project.SourceRepos, from.project.SourceRepos)
		project.Destinations = slices.Concat(project.Destinations, from.project.Destinations)
		project.ClusterAllow = slices.Concat(project.ClusterAllow, from.project.ClusterAllow)
		project.ClusterDeny = slices.Concat(project.ClusterDeny, from.project.ClusterDeny)
		project.NamespaceAllow = joined(project.NamespaceAllow, from.project.NamespaceAllow)
		project.NamespaceDeny = slices.Concat(project.NamespaceDeny, from.project.NamespaceDeny)
		project.Windows = slices.Concat(project.Windows, from.project.Windows)
	}
	return project, nil
}

// joined joins lists of which nil, unlike an empty one, allows all: it says nothing.
func joined(own, inherited []syncline.KindRule) []syncline.KindRule {
	if own == nil && inherited == nil {
		return nil
	}
	return append(slices.Clip(own), inherited...)
}
