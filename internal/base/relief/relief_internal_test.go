package relief

import (
	"runtime"
	"testing"
)

// What was used for a moment is given back once nothing goes on, and not before; and
// nothing is collected again where there is nothing to give.
func TestGivesBack(t *testing.T) {
	const size = 64 << 20
	idle := idler{}
	idle.look() // so that what came before is known
	idle.look()
	used := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		used[i] = 1
	}
	runtime.GC()
	_, with := heap()
	runtime.KeepAlive(used)
	idle.look() // something went on
	if _, after := heap(); after < with-size/4 {
		t.Errorf("%d of %d bytes are held while something goes on", after, with)
	}
	idle.look()
	if _, after := heap(); after > with-size*3/4 {
		t.Errorf("%d of %d bytes are held when nothing uses them", after, with)
	}
	before, _ := heap()
	idle.look()
	if after, _ := heap(); after != before {
		t.Errorf("%d collections for nothing", after-before)
	}
}
