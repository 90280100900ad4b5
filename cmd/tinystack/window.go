package main

import (
	"log/slog"
	"net/http"

	"github.com/tinystack/tinystack/internal/capture"
	"github.com/tinystack/tinystack/internal/control"
)

// Paths of the window into a running instance.
const (
	socketsPath = "/v1/sockets"
	statsPath   = "/v1/stats"
)

// openWindow lets other commands of the same user see into this instance. Without
// a place for its socket the instance runs on all the same: the result is nil.
func (n *network) openWindow(log *slog.Logger) *control.Server {
	mux := http.NewServeMux()
	dev := n.dev.Name()
	mux.HandleFunc("GET "+socketsPath, func(w http.ResponseWriter, _ *http.Request) {
		control.WriteJSON(w, socketsOf(n.stack, dev))
	})
	mux.HandleFunc("GET "+statsPath, func(w http.ResponseWriter, _ *http.Request) {
		control.WriteJSON(w, statsOf(n.stats(), dev))
	})
	mux.Handle(capturePath, capture.Handler(n.dev, n.trace))
	s, err := control.Listen(dev, mux)
	if err != nil {
		log.Warn("other commands can't see into this instance", "err", err)
		return nil
	}
	return s
}
