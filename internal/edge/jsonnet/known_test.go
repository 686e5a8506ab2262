package jsonnet

import (
	"strings"
	"testing"

	"github.com/google/go-jsonnet"

	"github.com/syncline-io/syncline/internal/base/tool"
)

// TestKnown wants the names and the messages of code to be known, and no text that may
// be a value.
func TestKnown(t *testing.T) {
	i := &importer{found: map[string]jsonnet.Contents{
		"a.jsonnet": jsonnet.MakeContents(`
			local secret = 'hunter2', text = importstr 'b.jsonnet';
			assert text != 'hunter3' : 'the text %s is bad' % text; // hunter4
			{ 'a-key': error 'no ' + secret, name: |||
			  hunter5
			||| }`),
		"b.jsonnet": jsonnet.MakeContents("hunter6"),
		"c.json":    jsonnet.MakeContents(`{"hunter7": hunter8}`),
	}}
	for said, shown := range map[string]bool{
		"is bad": true, "a-key": true, "name": true, "secret": true, "b.jsonnet": true, "c.json:1:2": true,
		"hunter2": false, "hunter3": false, "hunter4": false, "hunter5": false, "hunter6": false, "hunter7": false, "hunter8": false,
	} {
		if got := i.known("a.jsonnet", tool.Jsonnet{}).Tell(said).Error(); strings.Contains(got, said) != shown {
			t.Errorf("%q shows %q", said, got)
		}
	}
}
