package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline/internal/edge/plugin/plugintest"
)

// plugin FILE runs the config management plugin of a plugin.yaml beside the server, which is told of the folder PLUGINS;
// plugin stop NAME ends one.
func plugin(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) == 2 && args[0] == "stop" {
		closing, runs := s.plugins[args[1]]
		if !runs {
			return errUsage
		}
		closing()
		delete(s.plugins, args[1])
		return nil
	}
	if len(args) != 1 {
		return errUsage
	}
	if s.plugins == nil {
		dir, err := os.MkdirTemp("", "plugins-") // the path of a socket has to be short
		if err != nil {
			return err
		}
		s.plugins = map[string]func(){}
		s.closing(func() error {
			for _, closing := range s.plugins {
				closing()
			}
			return os.RemoveAll(dir)
		})
		ts.Setenv("PLUGINS", dir)
	}
	if args[0] == "none" {
		return nil
	}
	name, served, err := readPlugin([]byte(ts.ReadFile(args[0])))
	if err != nil {
		return err
	}
	s.plugins[name], err = plugintest.Serve(ts.Getenv("PLUGINS"), name, served)
	return err
}

// pluginConfig is a plugin.yaml.
type pluginConfig struct {
	Metadata struct{ Name string }
	Spec     struct {
		Version        string
		Init, Generate program
		Discover       struct {
			FileName string
			Find     struct {
				program

				Glob string
			}
		}
	}
}

// program is a command with its arguments.
type program struct{ Command, Args []string }

// readPlugin returns the plugin of a plugin.yaml, which runs its commands as Argo CD's server
// does, and the name by which it is asked for.
func readPlugin(text []byte) (name string, p plugintest.Plugin, err error) {
	var c pluginConfig
	if err := yaml.Unmarshal(text, &c); err != nil {
		return "", plugintest.Plugin{}, err
	}
	name = c.Metadata.Name
	if c.Spec.Version != "" {
		name += "-" + c.Spec.Version
	}
	p.Generate = func(ctx context.Context, request plugintest.Request) ([]string, error) {
		dir, err := unpacked(request)
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if _, err := c.Spec.Init.run(ctx, dir, request); err != nil {
			return nil, err
		}
		made, err := c.Spec.Generate.run(ctx, dir, request)
		return []string{made}, err
	}
	find := c.Spec.Discover.Find
	if c.Spec.Discover.FileName == "" && find.Glob == "" && len(find.Command) == 0 {
		return name, p, nil
	}
	p.Supports = func(ctx context.Context, request plugintest.Request) (bool, error) {
		dir, err := unpacked(request)
		if err != nil {
			return false, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		for _, glob := range []string{c.Spec.Discover.FileName, find.Glob} {
			if glob != "" {
				matches, err := filepath.Glob(filepath.Join(dir, request.Folder, glob))
				return len(matches) > 0, err
			}
		}
		found, err := find.run(ctx, dir, request)
		return found != "", err
	}
	return name, p, nil
}

// run runs the program in the folder of a request. One that is not given does nothing.
func (p program) run(ctx context.Context, dir string, request plugintest.Request) (string, error) {
	if len(p.Command) == 0 {
		return "", nil
	}
	args := append(append([]string(nil), p.Command[1:]...), p.Args...)
	command := exec.CommandContext(ctx, p.Command[0], args...)
	command.Dir = filepath.Join(dir, request.Folder)
	command.Env = append(os.Environ(), request.Environ...)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("`%s` failed %w: %s", strings.Join(command.Args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// unpacked writes the files of a request into a folder.
func unpacked(request plugintest.Request) (string, error) {
	dir, err := os.MkdirTemp("", "plugin-")
	if err != nil {
		return "", err
	}
	for name, file := range request.Files {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o700)
		} else if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.WriteFile(path, []byte(file.Text), os.FileMode(file.Mode&0o700)) //nolint:gosec // of nine bits
		}
		if err != nil {
			return dir, err
		}
	}
	return dir, nil
}
