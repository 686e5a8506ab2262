package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/front/cli"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && strings.HasSuffix(os.Args[1], "-worker") { // a child of a pool
		os.Exit(cli.Main(context.Background(), os.Args[1:], dependencies(os.Args[0]), cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	os.Exit(m.Run())
}
