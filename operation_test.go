package syncline_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
)

// A selection of many objects among many more takes no longer than to read both.
func TestALargeSelectionIsNotSearchedForEachObject(t *testing.T) {
	var op syncline.Operation
	var p syncline.Plan
	for i := range 20_000 {
		ref := syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: fmt.Sprint(i)}
		p.Changes = append(p.Changes, syncline.Change{Ref: ref, Role: syncline.RoleResource})
		if i%2 == 0 {
			op.Selection = append(op.Selection, syncline.Selector{Kind: ref.Kind, Name: ref.Name})
		}
	}
	op.Selection = append(op.Selection, syncline.Selector{Kind: "ConfigMap", Namespace: "shop", Name: "1"},
		syncline.Selector{Kind: "ConfigMap", Namespace: "other", Name: "3"})
	began := time.Now()
	if covered := len(p.Of(op).Changes); covered != 10_001 {
		t.Errorf("%d of 20,000 objects are covered", covered)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s", took)
	}
}
