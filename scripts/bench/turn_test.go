package main

import (
	"context"
	"errors"
	"testing"
	"time"
)

// One run takes its turn after the other.
func TestTurns(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	done, err := takeTurn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := takeTurn(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("two have their turn at a time: %v", err)
	}
	done()
	done, err = takeTurn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done()
}
