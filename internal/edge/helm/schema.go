package helm

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	chart "helm.sh/helm/v4/pkg/chart/v2"

	"github.com/syncline-io/syncline"
)

// schemaURL is what a chart's schema is called while it is compiled.
const schemaURL = "file:///values.schema.json"

// validate checks values against the schemas of the chart and its dependencies,
// as Helm does, but fetches and opens nothing that a schema refers to. Its error
// quotes values.
func validate(c *chart.Chart, values map[string]any) error {
	problems := schemaProblems(c, values)
	if len(problems) == 0 {
		return nil
	}
	return syncline.WithHint(
		fmt.Errorf("values do not fit the schema: %s", strings.Join(problems, "; ")),
		"correct the values, or set helm.skipSchemaValidation")
}

func schemaProblems(c *chart.Chart, values map[string]any) []string {
	var problems []string
	if c.Schema != nil {
		if err := validateOne(c.Schema, values); err != nil {
			problems = append(problems, c.Name()+": "+err.Error())
		}
	}
	for _, dependency := range c.Dependencies() {
		raw := values[dependency.Name()]
		if raw == nil {
			continue
		}
		below, ok := raw.(map[string]any)
		if !ok {
			problems = append(problems, fmt.Sprintf("%s: its values are not a mapping", dependency.Name()))
			continue
		}
		problems = append(problems, schemaProblems(dependency, below)...)
	}
	return problems
}

func validateOne(text []byte, values map[string]any) (err error) {
	defer func() { // the library panics on some schemas
		if r := recover(); r != nil {
			err = fmt.Errorf("schema cannot be used: %v", r)
		}
	}()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(closedLoader{})
	if err := compiler.AddResource(schemaURL, schema); err != nil {
		return err
	}
	validator, err := compiler.Compile(schemaURL)
	if err != nil {
		return err
	}
	if err := validator.Validate(values); err != nil {
		return errors.New(oneLine(err.Error()))
	}
	return nil
}

// oneLine cuts the header off the library's report and joins its lines.
func oneLine(report string) string {
	_, report, found := strings.Cut(report, "\n")
	if !found {
		return report
	}
	return strings.Join(strings.Fields(report), " ")
}

// closedLoader loads nothing. Names without a location are accepted, as Helm
// does for those that it cannot resolve.
type closedLoader struct{}

func (closedLoader) Load(url string) (any, error) {
	if strings.HasPrefix(url, "urn:") {
		return true, nil
	}
	return nil, fmt.Errorf("the schema refers to %s, and schemas are not fetched", url)
}
