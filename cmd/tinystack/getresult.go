package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"time"
)

// getResult is what -w can tell.
type getResult struct {
	began, lookedUp, connected, sent, first, done time.Time

	method, url, contentType, version string
	status, code, connects, redirects int
	size                              int64
	local, remote                     net.Addr
}

func (r *getResult) response(resp *http.Response) {
	r.status, r.contentType = resp.StatusCode, resp.Header.Get("Content-Type")
	r.version = fmt.Sprintf("%d.%d", resp.ProtoMajor, resp.ProtoMinor)
	r.url, r.method = resp.Request.URL.String(), resp.Request.Method
}

// format fills in a format of curl's -w. What it does not know stands as it is.
func (r *getResult) format(format string) string {
	total := r.done.Sub(r.began)
	since := func(t time.Time) string { return strconv.FormatFloat(max(0, t.Sub(r.began).Seconds()), 'f', 6, 64) }
	localIP, localPort := hostPort(r.local)
	remoteIP, remotePort := hostPort(r.remote)
	code := fmt.Sprintf("%03d", r.status)
	pairs := []string{
		`\n`, "\n", `\t`, "\t", `\r`, "\r", "%%", "%",
		"%{http_code}", code, "%{response_code}", code,
		"%{time_namelookup}", since(r.lookedUp), "%{time_connect}", since(r.connected),
		"%{time_pretransfer}", since(r.sent), "%{time_starttransfer}", since(r.first), "%{time_total}", since(r.done),
		"%{size_download}", fmt.Sprint(r.size),
		"%{speed_download}", fmt.Sprintf("%.0f", float64(r.size)/max(total.Seconds(), 1e-9)),
		"%{remote_ip}", remoteIP, "%{remote_port}", remotePort, "%{local_ip}", localIP, "%{local_port}", localPort,
		"%{content_type}", r.contentType, "%{url_effective}", r.url, "%{method}", r.method,
		"%{num_connects}", fmt.Sprint(r.connects), "%{num_redirects}", fmt.Sprint(r.redirects),
		"%{http_version}", r.version, "%{exitcode}", fmt.Sprint(r.code),
	}
	return strings.NewReplacer(pairs...).Replace(format)
}

// hostPort is an address's two parts; of none they are empty.
func hostPort(a net.Addr) (host, port string) {
	if a == nil {
		return "", ""
	}
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String(), ""
	}
	return host, port
}

// told is a transport that tells of each request and its response.
type told struct {
	g *getter
	http.RoundTripper
}

// RoundTrip sends a request and returns the response.
func (t told) RoundTrip(r *http.Request) (*http.Response, error) {
	x := &exchange{g: t.g, lines: []string{fmt.Sprintf("%s %s HTTP/1.1", r.Method, r.URL.RequestURI())}}
	resp, err := t.RoundTripper.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), x.trace())))
	if err == nil {
		header := x.conn.header()
		t.g.tell("< ", header)
		t.g.header = append(t.g.header, header...)
	}
	return resp, err
}

// exchange is a request and its response.
type exchange struct {
	g     *getter
	lines []string // of the request
	conn  *recorder
}

// trace notes when things happened, and what was sent.
func (x *exchange) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { // again, if the request is sent again
			x.conn, x.lines = info.Conn.(*recorder), x.lines[:1] // as connect returns
			x.conn.begin()
		},
		WroteHeaderField: func(name string, values []string) {
			for _, v := range values {
				x.lines = append(x.lines, strings.TrimPrefix(name, ":")+": "+v)
			}
		},
		WroteHeaders: func() {
			x.g.note(func(r *getResult) { r.sent = time.Now() })
			x.g.tell("> ", append(x.lines, ""))
		},
		GotFirstResponseByte: func() { x.g.note(func(r *getResult) { r.first = time.Now() }) },
	}
}

// note has f note something in the result.
func (g *getter) note(f func(*getResult)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.result)
}

// say tells of something, with -v.
func (g *getter) say(format string, args ...any) {
	g.tell("* ", []string{fmt.Sprintf(format, args...)})
}

// tell prints lines, with -v, after a prefix, unless the fetch is done: what is printed then is not ours.
func (g *getter) tell(prefix string, lines []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.verbose || !g.result.done.IsZero() {
		return
	}
	for _, line := range lines {
		fmt.Fprintf(g.stderr, "%s\n", strings.TrimRight(prefix+line, " "))
	}
}
