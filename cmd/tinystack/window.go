package main

import (
	"log/slog"
	"net/http"

	"github.com/tinystack/tinystack/internal/capture"
	"github.com/tinystack/tinystack/internal/control"
)

// openWindow lets other commands of the same user see into this instance. Without
// a place for its socket the instance runs on all the same: the result is nil.
func (n *network) openWindow(log *slog.Logger) *control.Server {
	mux := http.NewServeMux()
	mux.Handle(capturePath, capture.Handler(n.dev))
	s, err := control.Listen(n.dev.Name(), mux)
	if err != nil {
		log.Warn("other commands can't see into this instance", "err", err)
		return nil
	}
	return s
}
