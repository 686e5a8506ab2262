// Package syncline holds the words of Syncline: the data that its stages hand
// to each other. It holds no behaviour beyond small pure methods, and imports
// nothing but apimachinery.
//
// Syncline is a GitOps agent for Kubernetes. Git says what should run; Syncline
// pulls it, makes the cluster so, and keeps it so. Whatever resource declares
// it, it becomes an [App], and one engine delivers every App in turns:
//
//	         custom resource                                              custom resource status
//	               │                                                                ▲
//	dialect/argo: ToApp(cr)                                            FromReport(report, status)
//	               ▼                                                                │
//	App ─▶ source ─▶ render ─▶ policy ─▶ plan ─▶ apply ─▶ health ─▶ status ─▶ Report ─▶ catalog ─▶ CLI, API
//	       Tree      Objects   Grant     Plan    Result   Health    Report
//	          ▲         ▲                  ▲        ▲        ▲
//	edge:    git      helm kustomize     kube     kube     kube/live ◀── a watch event marks one App dirty
//	                  jsonnet           (dry-run) (write)  (watch)
//
// The stages, in the order in which data moves:
//
//   - [App] and [Source] say what is wanted and where it is declared.
//   - internal/engine/source resolves a Source to a revision and yields a [Tree].
//   - internal/engine/render turns a Tree into [Object] values, remembering what was read.
//   - internal/engine/policy decides whether a [Project] allows them, and yields a [Grant].
//   - internal/engine/plan compares them with what is [Live] and yields a [Plan].
//   - internal/engine/apply performs the next part of the Plan, and yields an [OperationState].
//   - internal/engine/health judges objects; internal/engine/status folds it all into a [Report].
//
// A turn never waits. It does the next thing that can be done and returns; a
// watch event or a timer brings the next turn. Read internal/engine/engine.go
// next, then internal/engine/plan with its tests.
package syncline
