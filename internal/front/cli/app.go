package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli/declare"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
)

func (p *program) newApp() *cobra.Command {
	app := &cobra.Command{
		Use:     "app",
		Aliases: []string{"application", "applications", "apps"},
		Short:   "Look at Applications and act on them",
		Long: `Look at Applications and act on them.

An app is named NAME, in the namespace that --namespace gives, or NAMESPACE/NAME.
The commands need only a kubeconfig: they read and write the Application
resources, and what they ask for is what a "kubectl patch" could ask for.`,
	}
	return usage.Group(app, p.newAppList(), p.newAppGet(), p.newAppCreate(), p.newAppSync(), p.newAppWait(),
		p.newAppDiff(), p.newAppManifests(), p.newAppHistory(), p.newAppRefresh(), p.newAppDelete(), p.newAppConfirmDeletion(), p.newAppResources())
}

// appID reads NAME or NAMESPACE/NAME.
func (p *program) appID(text string) (syncline.AppID, error) {
	namespace, name, qualified := strings.Cut(text, "/")
	if !qualified {
		namespace, name = p.namespace, text
	}
	if name == "" || namespace == "" || strings.Contains(name, "/") {
		return syncline.AppID{}, usage.Errorf("%q is neither NAME nor NAMESPACE/NAME of an app", text)
	}
	return declare.ID(namespace, name), nil
}

// getApp returns an App by name, and an error that suggests another when there
// is none.
func (p *program) getApp(ctx context.Context, backend Reader, text string) (App, error) {
	id, err := p.appID(text)
	if err != nil {
		return App{}, err
	}
	app, err := backend.Get(ctx, id)
	if syncline.KindOf(err) == syncline.NotFound {
		return App{}, suggestApp(ctx, backend, id, err)
	}
	return app, err
}

// open returns the App that a command is about, looked at again first if that is
// asked for, and the way in to it.
func (p *program) open(ctx context.Context, name string, again refreshing) (Backend, App, error) {
	backend, err := p.backend(ctx)
	if err != nil {
		return nil, App{}, err
	}
	app, err := p.getApp(ctx, backend, name)
	if err == nil && (again.refresh || again.hard) {
		app, err = p.refreshApp(ctx, backend, app.ID, again.hard)
	}
	return backend, app, err
}

// suggestApp adds to a NotFound error which App may have been meant.
func suggestApp(ctx context.Context, backend Reader, id syncline.AppID, err error) error {
	others, listErr := backend.List(ctx, Query{})
	if listErr != nil {
		return err
	}
	var known []string
	for _, other := range others {
		if other.ID.Name == id.Name {
			return syncline.WithHint(err, fmt.Sprintf("did you mean %q?", other.ID))
		}
		if other.ID.Namespace == id.Namespace {
			known = append(known, other.ID.Name)
		}
	}
	return usage.DidYouMean(err, id.Name, known)
}

// choice says which Apps a command is about: by name, by label or by project.
type choice struct {
	names    []string
	selector string
	projects []string
}

func (c *choice) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.selector, "selector", "l", "", "apps with these `labels`, such as team=web,tier!=test")
	cmd.Flags().StringArrayVar(&c.projects, "project", nil, "apps of this `project`; may be repeated")
}

// String says what is chosen by.
func (c choice) String() string {
	var parts []string
	if c.selector != "" {
		parts = append(parts, "selector "+c.selector)
	}
	if len(c.projects) > 0 {
		parts = append(parts, "project "+strings.Join(c.projects, ", "))
	}
	return strings.Join(parts, ", ")
}

// chosen returns the Apps that the command is about.
func (p *program) chosen(ctx context.Context, backend Reader, c choice) ([]App, error) {
	byLabel := c.selector != "" || len(c.projects) > 0
	if byLabel == (len(c.names) > 0) {
		return nil, usage.Errorf("name apps, or choose them by --selector or --project")
	}
	if byLabel {
		apps, err := backend.List(ctx, Query{Namespace: p.namespace, Selector: c.selector})
		if err != nil {
			return nil, err
		}
		apps = slices.DeleteFunc(apps, func(a App) bool {
			return len(c.projects) > 0 && !slices.Contains(c.projects, a.Project)
		})
		if len(apps) == 0 {
			return nil, syncline.WithHint(
				syncline.Errorf(syncline.NotFound, "No matching apps found for filter: %s", c),
				fmt.Sprintf("these are the apps of namespace %s; choose another by --namespace", p.namespace))
		}
		return apps, nil
	}
	var apps []App
	for _, name := range c.names {
		app, err := p.getApp(ctx, backend, name)
		if err != nil {
			return nil, err
		}
		apps = append(apps, app)
	}
	return apps, nil
}

// completeApps offers the names of Apps to the shell.
func (p *program) completeApps(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	const patience = 3 * time.Second
	ctx, cancel := context.WithTimeout(cmd.Context(), patience)
	defer cancel()
	backend, err := p.backend(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	namespace, _, qualified := strings.Cut(toComplete, "/")
	query := Query{Namespace: cmp.Or(p.namespace, p.connection.ControlPlane)}
	if qualified {
		query.Namespace = namespace
	}
	apps, err := backend.List(ctx, query)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offered []string
	for _, app := range apps {
		name := app.ID.Name
		if qualified {
			name = app.ID.String()
		}
		if !slices.Contains(args, name) && strings.HasPrefix(name, toComplete) {
			offered = append(offered, fmt.Sprintf("%s\t%s %s", name, app.Report.Sync, app.Report.Health.Status))
		}
	}
	return offered, cobra.ShellCompDirectiveNoFileComp
}
