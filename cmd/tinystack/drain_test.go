package main

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/tinystack/tinystack/httpd"
	"github.com/tinystack/tinystack/stack"
)

// Where nothing was under way, a second signal cut nothing short.
func TestDrainOfNothingIsDone(t *testing.T) {
	t.Parallel()
	s, err := stack.New(stack.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	web, err := httpd.New(httpd.Config{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n := &network{stack: s}
	if err := n.finish(ctx, web, log); err != nil || b.Len() > 0 {
		t.Errorf("finish returns %v and logs %q, want neither", err, &b)
	}
}
