package kube

import (
	"net/http"
	"sync/atomic"
	"time"
)

// StartingAt is what makes of refusals by a server that starts failures that pass,
// with a clock.
func StartingAt(next http.RoundTripper, now func() time.Time) http.RoundTripper {
	return starting{next, &atomic.Int64{}, now}
}
