package testenv

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// loopback is an HTTP server on a listener of this machine.
type loopback struct {
	http   *http.Server
	served chan struct{}
}

// serve serves until Close is called or ctx ends.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) loopback {
	l := loopback{
		http:   &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)},
		served: make(chan struct{}),
	}
	go func() {
		defer close(l.served)
		_ = l.http.Serve(listener) // ends by Close
	}()
	context.AfterFunc(ctx, func() { _ = l.http.Close() })
	return l
}

// Close stops the server.
func (l loopback) Close() error {
	err := l.http.Close()
	<-l.served
	return err
}
