//go:build !linux

package lua

import "time"

// processorTime counts this process as busy all the time.
func processorTime() time.Duration { return time.Duration(time.Now().UnixNano()) }
