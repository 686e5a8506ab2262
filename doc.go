// Package syncline holds the words of Syncline: the data that its stages hand
// to each other. It holds no behaviour beyond small pure methods, and imports
// nothing but apimachinery and the words that are read from a text: internal/base's
// glob, option, sealed, signing, tool and upstream; aspect for what of objects changes,
// and packed for what they hold.
//
// Syncline is a GitOps agent for Kubernetes. Git says what should run; Syncline
// pulls it, makes the cluster so, and keeps it so. Whatever resource declares
// it, it becomes an [App], and one engine delivers every App in turns:
//
//	custom resource                                                                                               its status
//	  │ its dialect                                                                                       its dialect ▲
//	  ▼                                                                                                               │
//	 App ─▶ validate ─▶ begin ─▶ target ─▶ connect ─▶ resolve ─▶ render ─▶ watch ─▶ plan ─▶ automate ─▶ operate ─▶ Report
//	        Project     State    Target    Cluster    commit     Objects   Live     Plan,   State       State         │
//	                                                    ▲          ▲         ▲      Grant                 │           ▼
//	                                                    │          │         │        ▲                   ▼        catalog ─▶ CLI
//	                                       edges      git        helm …    watch    dry-run             write
//	                                                                         └── what changes makes its App due, and no other
//
//	 App that is deleted ─▶ leave ─▶ target ─▶ connect ─▶ watch ─▶ delete ─▶ Report
//	 App that leaves its objects ─▶ leave ─▶ Report
//	 App that is only fetched ─▶ validate ─▶ resolve ─▶ fetch ─▶ Report
//
// The steps of a turn, which are those of internal/engine/steps.go, and what each
// of them yields:
//
//   - validate: the declaration can be delivered, and its [Project] permits it.
//     internal/engine/policy
//   - begin: the [OperationState] of what was asked for, or of what goes on.
//   - target: the cluster that the [Destination] names, a [Target].
//     internal/engine/target.go
//   - connect: that cluster, as far as the App may look at it.
//     internal/engine/confined.go, internal/edge/kube/fleet.go
//   - resolve: the commits that each [Source] names. internal/engine/source
//   - render: the [Object] values that the files of a [Tree] come to, with what was
//     read. internal/engine/render
//   - watch: everything [Live] that is needed is known. internal/edge/kube/live
//   - plan: a [Plan] of every [Change], and the [Grant] of those that the project
//     permits. internal/engine/plan, internal/engine/policy
//   - automate: the [Operation] that the App's policy asks for.
//     internal/engine/autosync
//   - operate: the next part of the operation, through the gate, and the plan of what
//     is left. internal/engine/apply
//   - fetch: an [Artifact] of each source, where an App is that [Unit] of work.
//     internal/engine/fetch.go
//
// What they came to is folded into a [Report] by internal/engine/status, with the
// [Health] that internal/engine/health found. A turn never waits. It does the next
// thing that can be done and returns; a watch event or a timer brings the next turn.
// Read internal/engine/engine.go next, then internal/engine/plan with its tests.
//
// # Words
//
// Each leads to its definition, and that to the rule. docs/design/where.md leads from
// a question to the function that answers it.
//
//   - App: what is delivered, whatever declares it. [App], by its [AppID].
//   - approval: a person's word for one plan, by its digest. [Plan.PruneDigest]
//   - blocker: what a turn would wait for, written down. [Blocker]
//   - change: what happens to one object, and why. [Change], of a closed set of [Action].
//   - claim: an annotation that says whose an object is and was not written by us. [ClaimText]
//   - command: what somebody asks of one App, of a closed set. internal/command, Command
//   - dialect: a kind of resources that declare Apps. internal/dialect/argo
//   - digest: what identifies content. [Digest]; of applied fields, [Live.Applied]
//   - gate: the one way to write to a cluster. internal/engine/apply/gate.go
//   - grant: the permission to perform exactly the changes of a plan. [Grant]
//   - hook: an object that runs within an operation and is not kept. [RoleHook]
//   - instance: the name by which objects say whose they are. App.Instance, [AnnotationTracking]
//   - lane: how urgent a turn is. internal/engine/queue, Priority
//   - live: what is remembered of an object in a cluster. [Live]
//   - mark: an annotation that steers what is done with an object. [Steers]; of all
//     of them, [Live.Steering]
//   - neighbour: another App, asked before something goes. internal/engine/plan, Neighbours
//   - operation: what was asked for and is performed in turns. [Operation], [OperationState]
//   - plan: every change that would be made, in order. [Plan]
//   - project: what Apps may deliver, from where and to where. [Project]
//   - report: all that there is to show of an App. [Report]
//   - sealed: a value that nothing prints. internal/base/sealed, Text
//   - tree: the files of a source at a commit. [Tree]
//   - turn: one pass through the steps, for one App. internal/engine/engine.go, Turn
//   - write: one request that changes a cluster. [Write]
package syncline
