package httpd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

// What a Config's zero fields stand for.
const (
	DefaultReadHeaderTimeout = 10 * time.Second
	DefaultReadTimeout       = time.Minute
	DefaultWriteTimeout      = time.Minute
	DefaultIdleTimeout       = 2 * time.Minute
	DefaultMaxHeaderBytes    = 64 << 10
	DefaultMaxUpload         = 1 << 40
)

const (
	minHeaderBytes = 1 << 10
	maxHeaderBytes = 16 << 20
)

// Config is what a server serves and how patient it is. Its zero value serves
// the welcome page and the measuring endpoints.
type Config struct {
	// WWW is the directory whose files are served; "" is none. The server opens
	// it once, and keeps serving it when it is renamed.
	WWW string
	// Root is the same, opened by the caller, who also closes it. At most one of
	// WWW and Root is set.
	Root *os.Root

	// AccessLog gets a line in the combined format for each request, in one Write;
	// Writes don't overlap. nil: no log.
	AccessLog io.Writer
	// Logger gets what went wrong in the server. nil: slog.Default().
	Logger *slog.Logger
	// ConnInfo returns what the stack knows of a connection that the listener
	// returned; false: nothing. nil: the welcome page tells what net.Conn tells.
	ConnInfo func(net.Conn) (ConnInfo, bool)
	// Metrics answers requests for /metrics. nil: there is no such path.
	Metrics http.Handler

	// Around returns a handler that has the one it is given answer, and sees all
	// requests and responses. nil: nobody does.
	Around func(http.Handler) http.Handler
	// ConnContext returns the context of the requests of a new connection, as that of
	// http.Server does. nil: it stays as it is.
	ConnContext func(ctx context.Context, c net.Conn) context.Context

	// ReadHeaderTimeout is how long a request's header may take to arrive.
	// 0: 10 s; negative: for ever.
	ReadHeaderTimeout time.Duration
	// ReadTimeout is how long each 64 KiB of a request's body, and what is less at
	// its end, may take to arrive. 0: 1 min; negative: for ever.
	ReadTimeout time.Duration
	// WriteTimeout is how long the connection may take to accept each 64 KiB of a
	// response. A transfer may take for ever, as long as it moves at that rate
	// (with the default, 9 kbit/s). 0: 1 min; negative: for ever.
	WriteTimeout time.Duration
	// IdleTimeout is how long a connection may wait between requests.
	// 0: 2 min; negative: for ever.
	IdleTimeout time.Duration

	// MaxHeaderBytes bounds a request's line and header: 1 KiB to 16 MiB, to which
	// net/http adds 4 KiB; a larger one is answered with 431. 0: 64 KiB.
	MaxHeaderBytes int
	// MaxUpload bounds the body of a request to /upload in bytes; a larger one is
	// answered with 413. 0: 1 TiB; negative: no bound.
	MaxUpload int64
}

// withDefaults returns c with its zero fields set, or what is wrong with it.
func (c Config) withDefaults() (Config, error) {
	if c.WWW != "" && c.Root != nil {
		return c, fmt.Errorf("httpd: Config.WWW and Config.Root are both set")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Around == nil {
		c.Around = func(h http.Handler) http.Handler { return h }
	}
	if c.ConnContext == nil {
		c.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { return ctx }
	}
	setDefault(&c.ReadHeaderTimeout, DefaultReadHeaderTimeout)
	setDefault(&c.ReadTimeout, DefaultReadTimeout)
	setDefault(&c.WriteTimeout, DefaultWriteTimeout)
	setDefault(&c.IdleTimeout, DefaultIdleTimeout)
	setDefault(&c.MaxHeaderBytes, DefaultMaxHeaderBytes)
	setDefault(&c.MaxUpload, DefaultMaxUpload)
	if c.MaxHeaderBytes < minHeaderBytes || c.MaxHeaderBytes > maxHeaderBytes {
		return c, fmt.Errorf("httpd: Config.MaxHeaderBytes is %d, not in [%d, %d]",
			c.MaxHeaderBytes, minHeaderBytes, maxHeaderBytes)
	}
	return c, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
