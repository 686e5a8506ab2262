package decode

import (
	"bytes"
	"fmt"

	yamlv3 "go.yaml.in/yaml/v3"
)

// checkAliases refuses a document whose aliases stand for too much, before
// anything expands them.
func checkAliases(text []byte) error {
	if bytes.IndexByte(text, '*') < 0 || bytes.IndexByte(text, '&') < 0 {
		return nil
	}
	var root yamlv3.Node
	if err := yamlv3.Unmarshal(text, &root); err != nil {
		return nil //nolint:nilerr // the decoder that follows says what is wrong
	}
	budget := aliasBudget{sizes: map[*yamlv3.Node]int{}}
	_, err := budget.size(&root)
	return err
}

// aliasBudget counts the nodes that aliases stand for.
type aliasBudget struct {
	// sizes holds the expanded size of each anchored node; 0 while it is counted.
	sizes   map[*yamlv3.Node]int
	aliased int
}

// size returns the number of nodes below and including n, aliases expanded.
func (b *aliasBudget) size(n *yamlv3.Node) (int, error) {
	if n.Kind == yamlv3.AliasNode {
		return b.aliasSize(n)
	}
	if n.Anchor != "" {
		b.sizes[n] = 0
	}
	total := 1
	for _, child := range n.Content {
		size, err := b.size(child)
		if err != nil {
			return 0, err
		}
		total += size
	}
	if n.Anchor != "" {
		b.sizes[n] = total
	}
	return total, nil
}

func (b *aliasBudget) aliasSize(n *yamlv3.Node) (int, error) {
	size := b.sizes[n.Alias]
	if size == 0 {
		return 0, fmt.Errorf("not valid YAML: line %d: an anchor contains itself", n.Line)
	}
	if b.aliased += size; b.aliased > MaxAliasNodes {
		return 0, fmt.Errorf("its aliases stand for too much: more than %d nodes", MaxAliasNodes)
	}
	return size, nil
}
