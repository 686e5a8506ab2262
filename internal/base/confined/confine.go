package confined

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/syncline-io/syncline"
)

// maxStack is how much stack one goroutine may use, in bytes.
const maxStack = 64 << 20

// gcPercent is how much may be allocated, of what lives, until garbage is collected: Go's
// own default, whatever GOGC says of the agent. 200 takes a fifth less of a child's time,
// and 3 MiB more in each.
const gcPercent = 100

// memoryCheck is how often a child looks at how much memory it uses, while it
// has a job.
const memoryCheck = 20 * time.Millisecond

// confine gives this process its limits, for good. What the platform cannot
// enforce, it keeps to by itself.
func confine(bounds limits) error {
	debug.SetMaxStack(maxStack)
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(bounds.Memory / 8 * 7)
	http.DefaultTransport = refusal{}
	os.Stdout = os.Stderr // what a tool prints is no answer
	return restrict(bounds)
}

// watchMemory ends the process when it uses more than it may, until stop is
// called, which returns when nothing is looked at any more: what came of the job must
// not be lost for what it took. It is the limit on platforms that have none, and the
// precise one elsewhere.
func watchMemory(limit int64) (stop func()) {
	ticker, done, ended := time.NewTicker(memoryCheck), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ticker.C:
				checkMemory(limit)
			case <-done:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
		<-ended
	}
}

func checkMemory(limit int64) {
	if memoryInUse() > uint64(limit) {
		fmt.Fprintln(os.Stderr, "fatal error: out of memory: the limit is reached")
		os.Exit(2) //nolint:forbidigo,revive // the job that takes the memory cannot be stopped otherwise
	}
}

// forgetGarbage gives back what the job before left, where that is much: the next one
// would be stopped for it.
func forgetGarbage(limit int64) {
	if memoryInUse() > uint64(limit)/2 {
		debug.FreeOSMemory()
	}
}

// memoryInUse returns how much memory this process has of the kernel, in bytes.
func memoryInUse() uint64 {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}

// refusal answers every request over the network.
type refusal struct{}

// RoundTrip refuses the request.
func (refusal) RoundTrip(request *http.Request) (*http.Response, error) {
	return nil, syncline.Errorf(syncline.Denied, "%s: a confined process fetches nothing", request.URL.Redacted())
}

// cpuSeconds is how much processor time a job of that length can take.
func cpuSeconds(timeout time.Duration) uint64 {
	return uint64(math.Ceil(timeout.Seconds()))*uint64(runtime.NumCPU()) + 10
}
