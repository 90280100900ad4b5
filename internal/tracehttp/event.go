package tracehttp

import (
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"

	"github.com/tinystack/tinystack/trace"
)

func requestOf(r *http.Request) *trace.HTTP {
	url := r.URL.String()
	if r.URL.Host == "" { // as a server gets it
		url = "http://" + r.Host + r.URL.RequestURI()
	}
	url = trace.Bounded([]string{url})[0]
	return &trace.HTTP{Method: r.Method, URL: url, Header: lines(r.Header), Bytes: max(r.ContentLength, 0)}
}

// lines is the header in the order of the names, as much as fits into an event.
func lines(h http.Header) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			lines = append(lines, name+": "+value)
		}
	}
	return trace.Bounded(lines)
}

// heard is the event that led to what was read last from c.
func heard(c net.Conn) trace.ID {
	if e, ok := c.(trace.Endpoint); ok {
		return e.Heard()
	}
	return 0
}

// because makes id the cause of what is written to c next.
func because(c net.Conn, id trace.ID) {
	if e, ok := c.(trace.Endpoint); ok {
		e.Because(id)
	}
}

func connOf(c net.Conn) trace.Conn {
	if c == nil {
		return trace.Conn{}
	}
	return trace.Conn{Protocol: "tcp", Local: addrOf(c.LocalAddr()), Remote: addrOf(c.RemoteAddr())}
}

func addrOf(a net.Addr) netip.AddrPort {
	if a, ok := a.(*net.TCPAddr); ok {
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
