package httpd

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// maxLogField is how many bytes of what a client sent go into the log, per field.
const maxLogField = 2048

// accessLog writes a line for each request in the combined format:
//
//	host - - [02/Jan/2006:15:04:05 -0700] "GET / HTTP/1.1" 200 1234 "referer" "user agent"
//
// where the number of body bytes is "-" if there are none.
type accessLog struct {
	out    io.Writer // nil: no log
	logger *slog.Logger

	mu      sync.Mutex
	failing bool
	line    []byte
}

func (l *accessLog) write(w *writer, r *http.Request, start time.Time) {
	if l.out == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line = appendLogLine(l.line[:0], w, r, start)
	_, err := l.out.Write(l.line)
	if err != nil && !l.failing {
		l.logger.Error("access log fails", "err", err) // said once, until it works again
	}
	l.failing = err != nil
}

func appendLogLine(b []byte, w *writer, r *http.Request, start time.Time) []byte {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	b = appendLogField(b, host)
	b = append(b, " - - ["...)
	b = start.AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, `] "`...)
	b = appendLogField(b, r.Method)
	b = append(b, ' ')
	b = appendLogField(b, r.RequestURI)
	b = append(b, ' ')
	b = appendLogField(b, r.Proto)
	b = append(b, `" `...)
	b = strconv.AppendInt(b, int64(w.logStatus()), 10)
	b = append(b, ' ')
	if w.bytes == 0 || r.Method == http.MethodHead {
		b = append(b, '-')
	} else {
		b = strconv.AppendInt(b, w.bytes, 10)
	}
	b = append(b, ` "`...)
	b = appendLogField(b, r.Header.Get("Referer"))
	b = append(b, `" "`...)
	b = appendLogField(b, r.Header.Get("User-Agent"))
	return append(b, "\"\n"...)
}

// logStatus is the status sent; net/http sends 200 where the handler sent none.
func (w *writer) logStatus() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// appendLogField appends s so that it can neither end its field nor its line, nor
// command a terminal: what is not printable ASCII is written \xHH. Of "" it
// appends "-".
func appendLogField(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	if s == "" {
		return append(b, '-')
	}
	for i := range min(len(s), maxLogField) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c > '~':
			b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	if len(s) > maxLogField {
		b = append(b, "..."...)
	}
	return b
}
