package testenv

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// WatchMemory returns a function that ends the watch and says by how many bytes
// this process had grown at most since it began.
func WatchMemory() (grown func() uint64) {
	debug.FreeOSMemory()
	before := memoryInUse()
	most := before
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				most = max(most, memoryInUse())
			case <-stop:
				return
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-stopped
		return most - before
	}
}

// memoryInUse is what the Go runtime has of the system, in bytes.
func memoryInUse() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
