// Package demo shows Syncline's loop: it starts a Kubernetes control plane, a Git server and `syncline server`, lets
// commits and accidents happen, and checks against the API server what comes of each. It uses Syncline from outside,
// as a program; it shares none of its stages.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"
)

// controlNamespace is where the Applications are declared.
const controlNamespace = "argocd"

// Options say how the demo runs.
type Options struct {
	// Syncline is the path of the program to show. Required.
	Syncline string
	// Once ends after the last step. Default: go on until the context ends.
	Once bool
	// Remote permits the cluster that KUBECONFIG names although it is not on this machine. Default: refuse it, because
	// the demo installs things.
	Remote bool
	// Progress is told what happens, line by line. Required.
	Progress io.Writer
}

// Result is what the demo measured and found, all of it at the API server. Times are in milliseconds.
type Result struct {
	// Apps counts the Applications at the end, Synced and Healthy those that say so of themselves.
	Apps    int `json:"apps"`
	Synced  int `json:"synced"`
	Healthy int `json:"healthy"`
	// Start is from the beginning until control plane, Git server and Syncline ran; Deliver from creating the app of
	// apps until everything was synced and healthy.
	Start   int64 `json:"start_ms"`
	Deliver int64 `json:"deliver_ms"`
	// CommitToApplied is from the commit until the changed object was in the cluster, CommitToHealthy until it was
	// rolled out and reported. The poll interval of one second is in both.
	CommitToApplied int64 `json:"commit_to_applied_ms"`
	CommitToHealthy int64 `json:"commit_to_healthy_ms"`
	// DriftToFixed is from a change by hand until it was put back, LossToFixed the same for an object deleted by hand.
	DriftToFixed int64 `json:"drift_to_fixed_ms"`
	LossToFixed  int64 `json:"loss_to_fixed_ms"`
	// CommitToPruned is from the commit that deletes a file until its object was gone. PruneOK says that it went, and
	// nothing else.
	CommitToPruned int64 `json:"commit_to_pruned_ms"`
	PruneOK        bool  `json:"prune_ok"`
	// GuardOK says that a commit which deletes nearly everything changed nothing until it was approved.
	GuardOK bool `json:"guard_ok"`
	// AppAdded and AppRemoved are from the commit of an Application until its object was there, and from the commit
	// that removes it until both were gone.
	AppAdded   int64 `json:"app_added_ms"`
	AppRemoved int64 `json:"app_removed_ms"`
	// OK says that everything held; otherwise Error says what did not.
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// Run shows the loop once, and then, unless Options.Once is set, keeps everything running until ctx ends. It stops what
// it started and removes what it made, whatever happens. The error is nil only if every step held.
func Run(ctx context.Context, options Options) (Result, error) {
	var result Result
	began := time.Now()
	s := &stage{options: options, say: &narrator{out: options.Progress, began: began}}
	running, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	s.fail = fail
	err := contained(func() error { return s.perform(running, &result) })
	if err == nil && !options.Once {
		s.stay(running)
		if ctx.Err() == nil {
			err = context.Cause(running)
		}
	}
	err = errors.Join(err, s.stop(context.WithoutCancel(ctx)))
	result.OK = err == nil
	if err != nil {
		result.Error = err.Error()
	}
	return result, err
}

// contained makes an error of a panic, so that what was started is stopped all the same.
func contained(act func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the demo panicked: %v\n%s", cause, debug.Stack())
		}
	}()
	return act()
}

// perform starts everything and shows the loop once.
func (s *stage) perform(ctx context.Context, result *Result) error {
	began := time.Now()
	if err := s.start(ctx); err != nil {
		return err
	}
	result.Start = since(began)
	return s.show(ctx, result)
}

// show performs the steps in order.
func (s *stage) show(ctx context.Context, result *Result) error {
	for _, step := range []struct {
		title string
		run   func(context.Context, *Result) error
	}{
		{"everything is delivered", s.deliver},
		{"a commit changes a Deployment", s.commit},
		{"somebody edits the cluster by hand", s.drift},
		{"somebody deletes an object by hand", s.loss},
		{"a commit deletes a file", s.prune},
		{"a commit adds an Application", s.arrive},
		{"a commit deletes nearly everything", s.guard},
		{"a commit removes the Application", s.leave},
		{"everything still is as declared", s.settle},
	} {
		s.say.title(step.title)
		if err := step.run(ctx, result); err != nil {
			s.say.block(fmt.Sprintf("\n    the end of the log of syncline server:\n\n%s\n", s.server.tail()))
			return fmt.Errorf("%s: %w", step.title, err)
		}
	}
	return nil
}
