package declare

import (
	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// What an Application resource calls itself, and what steers it.
const (
	apiVersion = "argoproj.io/v1alpha1"
	kind       = "Application"

	// AnnotationRefresh asks for a refresh, and AnnotationAsked says when that was
	// asked for, so that two requests differ.
	AnnotationRefresh = "argocd.argoproj.io/refresh"
	AnnotationAsked   = "argocd.argoproj.io/refresh-timestamp"
	// FinalizerCascade has the App's objects deleted first, in the foreground;
	// with "/background" behind it, in the background.
	FinalizerCascade = "resources-finalizer.argocd.argoproj.io"
)

// sourceManifest writes a Source as an Application's spec.source.
func sourceManifest(source syncline.Source) map[string]any {
	f := Fields{}
	f.Set("repoURL", source.RepoURL)
	f.Set("path", source.Path)
	f.Set("chart", source.Chart)
	f.Set("targetRevision", source.TargetRevision)
	f.Set("tagPrefix", source.TagPrefix)
	f.Set("ref", source.Ref)
	f.Set("name", source.Name)
	if source.Helm != nil {
		f.Set("helm", helmManifest(*source.Helm))
	}
	if source.Kustomize != nil {
		f.Set("kustomize", kustomizeManifest(*source.Kustomize))
	}
	if source.Directory != nil {
		f.Set("directory", directoryManifest(*source.Directory))
	}
	return f.JSON()
}

func helmManifest(helm tool.Helm) map[string]any {
	var parameters, files []any
	for _, parameter := range helm.Parameters {
		f := Fields{"name": parameter.Name, "value": parameter.Value}
		f.Set("forceString", parameter.ForceString)
		parameters = append(parameters, f.JSON())
	}
	for _, file := range helm.FileParameters {
		files = append(files, map[string]any{"name": file.Name, "path": file.Path})
	}
	f := Fields{}
	f.Set("releaseName", helm.ReleaseName)
	f.Set("valueFiles", Texts(helm.ValueFiles))
	f.Set("ignoreMissingValueFiles", helm.IgnoreMissingValueFiles)
	f.Set("values", helm.Values)
	f.Set("parameters", parameters)
	f.Set("fileParameters", files)
	f.Set("skipCrds", helm.SkipCRDs)
	f.Set("skipTests", helm.SkipTests)
	f.Set("skipSchemaValidation", helm.SkipSchemaValidation)
	f.Set("namespace", helm.Namespace)
	f.Set("kubeVersion", helm.KubeVersion)
	f.Set("apiVersions", Texts(helm.APIVersions))
	return f.JSON()
}

func kustomizeManifest(kustomize tool.Kustomize) map[string]any {
	var replicas []any
	for _, replica := range kustomize.Replicas {
		replicas = append(replicas, map[string]any{"name": replica.Name, "count": replica.Count})
	}
	f := Fields{}
	f.Set("namePrefix", kustomize.NamePrefix)
	f.Set("nameSuffix", kustomize.NameSuffix)
	f.Set("namespace", kustomize.Namespace)
	f.Set("images", Texts(kustomize.Images))
	f.Set("replicas", replicas)
	f.Set("commonLabels", textMap(kustomize.CommonLabels))
	f.Set("commonAnnotations", textMap(kustomize.CommonAnnotations))
	f.Set("forceCommonLabels", kustomize.ForceCommonLabels)
	f.Set("forceCommonAnnotations", kustomize.ForceCommonAnnotations)
	f.Set("labelWithoutSelector", kustomize.LabelWithoutSelector)
	f.Set("labelIncludeTemplates", kustomize.LabelIncludeTemplates)
	f.Set("components", Texts(kustomize.Components))
	f.Set("ignoreMissingComponents", kustomize.IgnoreMissingComponents)
	f.Set("kubeVersion", kustomize.KubeVersion)
	f.Set("apiVersions", Texts(kustomize.APIVersions))
	return f.JSON()
}

func directoryManifest(directory tool.Directory) map[string]any {
	jsonnet := Fields{}
	jsonnet.Set("extVars", variableManifests(directory.Jsonnet.ExtVars))
	jsonnet.Set("tlas", variableManifests(directory.Jsonnet.TLAs))
	jsonnet.Set("libs", Texts(directory.Jsonnet.Libs))
	f := Fields{}
	f.Set("recurse", directory.Recurse)
	f.Set("include", directory.Include)
	f.Set("exclude", directory.Exclude)
	f.Set("jsonnet", jsonnet.JSON())
	return f.JSON()
}

func variableManifests(variables []tool.JsonnetVar) []any {
	var manifests []any
	for _, variable := range variables {
		f := Fields{"name": variable.Name, "value": variable.Value}
		f.Set("code", variable.Code)
		manifests = append(manifests, f.JSON())
	}
	return manifests
}
