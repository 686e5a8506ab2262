package processor_test

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline-io/syncline/internal/base/processor"
)

func TestLimit(t *testing.T) {
	const limit = time.Second
	for name, test := range map[string]struct {
		// share is how much of the time it has the processor, in percent.
		share int64
		known bool
		want  time.Duration
	}{
		"it computes all the time":  {100, true, limit},
		"it has half of the time":   {50, true, 2 * limit},
		"it waits for ever":         {0, true, 5 * limit},
		"nobody knows what it does": {0, false, limit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ctx, done := processor.Limit(t.Context(), limit, func() (time.Duration, bool) {
					return time.Hour + time.Since(began)*time.Duration(test.share)/100, test.known
				})
				defer done()
				<-ctx.Done()
				if took := time.Since(began); took < test.want || took > test.want+limit/10 {
					t.Errorf("it ended after %s, want %s", took, test.want)
				}
				if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
					t.Errorf("the cause is %v", context.Cause(ctx))
				}
			})
		})
	}
}

func TestOwnTimeIsThatOfTheProcess(t *testing.T) {
	of := processor.Of(os.Getpid())
	before, known := processor.Own()
	beforeOf, knownOf := of()
	if !known || !knownOf {
		t.Fatal("the time of this process is not known")
	}
	var sum atomic.Int64
	for end := time.Now().Add(10 * time.Second); ; {
		for range 1_000_000 {
			sum.Add(1)
		}
		now, _ := processor.Own()
		nowOf, _ := of()
		if now-before >= 50*time.Millisecond && nowOf-beforeOf >= 20*time.Millisecond {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after %d steps it is said to have computed for %s and %s", sum.Load(), now-before, nowOf-beforeOf)
		}
	}
}
