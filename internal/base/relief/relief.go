// Package relief gives memory back to the system that the process has and does not use.
// The runtime does so as its heap grows and shrinks; but after something that took much
// for a moment, with little to do since, it would wait for minutes. It limits nothing.
package relief

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// interval is how long nothing was collected, for the process to have little to do.
	interval = 5 * time.Second
	// worthwhile is how many bytes have to be unused: giving them back takes a
	// collection, which is some 20 ms of processor time.
	worthwhile = 8 << 20
)

// Run gives memory back until ctx is done.
func Run(ctx context.Context) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for idle := (idler{}); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			idle.look()
		}
	}
}

// idler looks from time to time.
type idler struct {
	// collected counts the collections of garbage at the last look, and kept is what the
	// heap had when it had least since it last gave something back, in bytes.
	collected, kept uint64
}

// look gives back what is unused, when nothing was collected since the last look.
func (i *idler) look() {
	collected, has := heap()
	if busy := collected != i.collected; busy || has < i.kept+worthwhile {
		i.collected, i.kept = collected, min(i.kept, has)
		return
	}
	debug.FreeOSMemory()
	i.collected, i.kept = heap()
}

// heap returns how often garbage was collected, and what the heap has of the system, in bytes.
func heap() (collected, has uint64) {
	samples := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64() + samples[2].Value.Uint64() + samples[3].Value.Uint64()
}
