package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tinystack/tinystack/httpd"
	"github.com/tinystack/tinystack/tcp"
)

// drainTime is how long requests may go on after the signal to end.
const drainTime = 5 * time.Second

// drain lets requests finish, for a time or until the next signal.
func (n *network) drain(web *httpd.Server, log *slog.Logger) error {
	again, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(again, drainTime)
	defer cancel()
	log.Info("going down: requests may finish; interrupt again to end them", "within", drainTime)
	return n.finish(ctx, web, log)
}

// finish lets requests finish until ctx is done.
func (n *network) finish(ctx context.Context, web *httpd.Server, log *slog.Logger) error {
	err := errors.Join(web.Shutdown(ctx), n.awaitDelivery(ctx))
	if err != nil && ctx.Err() != nil {
		log.Warn("requests were cut short")
		return nil
	}
	return err
}

// awaitDelivery waits until clients have acknowledged all that was sent on
// connections that are closed: closing the stack would reset them. It returns
// ctx's error if that ends first.
func (n *network) awaitDelivery(ctx context.Context) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for n.delivering() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (n *network) delivering() bool {
	for _, c := range n.stack.Conns() {
		switch c.State {
		case tcp.FinWait1, tcp.Closing, tcp.LastAck: // our FIN, which comes last, is not acknowledged
			return true
		}
	}
	return false
}
