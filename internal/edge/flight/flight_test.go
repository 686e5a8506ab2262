package flight_test

import (
	"context"
	"errors"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/flight"
)

// TestShare does once what two want, also when one of them gives up.
func TestShare(t *testing.T) {
	group := flight.NewGroup()
	t.Cleanup(group.Close)
	failed := errors.New("failed")
	began, end, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- group.Share(t.Context(), "one", func(context.Context) error {
			close(began)
			<-end
			return failed
		})
	}()
	<-began
	never := func(context.Context) error { panic("it is done twice") }
	given, cancel := context.WithCancel(t.Context())
	second := make(chan error)
	go func() { second <- group.Share(given, "one", never) }()
	cancel()
	if err := <-second; syncline.KindOf(err) != syncline.Transient || !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up has %v", err)
	}
	close(end) // the first still wants it
	if err := <-done; !errors.Is(err, failed) {
		t.Errorf("the error is %v", err)
	}
}

// TestWhatNobodyWants ends, and who asks again has it begun anew.
func TestWhatNobodyWants(t *testing.T) {
	group := flight.NewGroup()
	t.Cleanup(group.Close)
	wanted, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	err := group.Share(wanted, "one", func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	<-ended
	if err := group.Share(t.Context(), "one", func(context.Context) error { return nil }); err != nil {
		t.Errorf("anew: %v", err)
	}
	group.Close()
	if err := group.Share(t.Context(), "two", func(ctx context.Context) error { return ctx.Err() }); !errors.Is(err, context.Canceled) {
		t.Errorf("after Close: %v", err)
	}
}
