package httpd

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Server is an HTTP/1.1 server. Its methods may be called by several goroutines.
type Server struct {
	site  *site
	http  http.Server
	owned *os.Root // opened by New; nil if the caller's or none
	once  sync.Once
}

// New returns a server, or an error that names the field of cfg that is wrong
// or, for WWW, is the *os.PathError of opening it.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{}
	if cfg.WWW != "" {
		if s.owned, err = os.OpenRoot(cfg.WWW); err != nil {
			return nil, err
		}
		cfg.Root = s.owned
	}
	s.site = newSite(cfg)
	s.http = http.Server{
		Handler:                      cfg.Around(s.site),
		DisableGeneralOptionsHandler: true, // net/http would answer without Allow
		ReadHeaderTimeout:            cfg.ReadHeaderTimeout,
		WriteTimeout:                 max(cfg.WriteTimeout, 0), // where writer's deadlines start
		IdleTimeout:                  cfg.IdleTimeout,
		MaxHeaderBytes:               cfg.MaxHeaderBytes,
		ErrorLog:                     slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return withConn(cfg.ConnContext(ctx, c), c)
		},
		Protocols: new(http.Protocols),
	}
	s.http.Protocols.SetHTTP1(true)
	return s, nil
}

// Handler returns what answers the requests, for use in another server. There
// the welcome page can't tell what it knows only from Serve.
func (s *Server) Handler() http.Handler { return s.site }

// Serve accepts connections until Shutdown or Close is called, and then returns
// http.ErrServerClosed. It closes l. It may be called for several listeners.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(l) }

// Shutdown stops accepting, closes the connections that wait for a request, and
// returns when all others have finished theirs. When ctx ends first, it closes
// them and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	return err
}

// Close ends all listeners and connections at once.
func (s *Server) Close() error {
	err := s.http.Close()
	if s.owned != nil {
		s.once.Do(func() { s.owned.Close() })
	}
	return err
}

// connection is what the server remembers of a connection.
type connection struct {
	conn     net.Conn
	accepted time.Time
	requests atomic.Int64
}

type connectionKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{conn: c, accepted: time.Now()})
}

// connectionOf returns the request's connection, nil if another server has it.
func connectionOf(r *http.Request) *connection {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}
