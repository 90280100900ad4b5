package tracehttp

import (
	"net"
	"net/http"
	"net/http/httptrace"

	"github.com/tinystack/tinystack/trace"
)

const (
	ruleAsks     trace.Rule = "the client sends a request, RFC 9110 3.4"
	ruleAnswered trace.Rule = "the client got the response, RFC 9110 15"
)

// Transport returns rt, but that the requests it sends and the responses it gets are told
// at node. The cause of a request is the later one of that in its context and of
// what was last heard on its connection.
func Transport(node *trace.Node, rt http.RoundTripper) http.RoundTripper {
	return &transport{node, rt}
}

type transport struct {
	node *trace.Node
	http.RoundTripper
}

// CloseIdleConnections closes those of the transport below.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip sends a request and returns the response.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.node.On() {
		return t.RoundTripper.RoundTrip(r)
	}
	var conn net.Conn
	var request trace.ID
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { // again, if the request is sent again
			conn = info.Conn
			request = t.node.Emit(trace.Event{
				Kind: trace.Request, Cause: max(trace.Cause(r.Context()), heard(conn)), Conn: connOf(conn), Rule: ruleAsks,
				HTTP: requestOf(r),
			})
			because(conn, request)
		},
	})
	resp, err := t.RoundTripper.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return resp, err
	}
	cause := heard(conn)
	if cause == 0 {
		cause = request
	}
	t.node.Emit(trace.Event{
		Kind: trace.Response, Cause: cause, Conn: connOf(conn), Rule: ruleAnswered,
		HTTP: &trace.HTTP{
			Method: r.Method, URL: r.URL.String(), Status: resp.StatusCode,
			Header: lines(resp.Header), Bytes: max(resp.ContentLength, 0),
		},
	})
	return resp, nil
}
