package tracehttp

import (
	"context"
	"net"
	"net/http"

	"github.com/tinystack/tinystack/trace"
)

const (
	ruleServed  trace.Rule = "the server got a request, RFC 9110 3.4"
	ruleAnswers trace.Rule = "the server answers the request, RFC 9110 15"
)

type connKey struct{}

// ConnContext is for [http.Server]: it lets [Handler] know the connection.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// Handler returns h, but that the requests it gets and the responses it gives are
// told at node.
func Handler(node *trace.Node, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !node.On() {
			h.ServeHTTP(w, r)
			return
		}
		conn, _ := r.Context().Value(connKey{}).(net.Conn)
		request := node.Emit(trace.Event{
			Kind: trace.Request, Cause: heard(conn), Conn: connOf(conn), Rule: ruleServed,
			HTTP: requestOf(r),
		})
		because(conn, request)
		t := &writer{ResponseWriter: w, node: node, conn: conn, request: request}
		h.ServeHTTP(t, r.WithContext(trace.WithCause(r.Context(), request)))
		t.tell(http.StatusOK) // if the handler wrote nothing
	})
}

// writer tells of the response when its header is written.
type writer struct {
	http.ResponseWriter
	node    *trace.Node
	conn    net.Conn
	request trace.ID
	told    bool
}

// WriteHeader sends the header.
func (w *writer) WriteHeader(status int) {
	if status >= 200 { // those below come before the response
		w.tell(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends some of the body.
func (w *writer) Write(b []byte) (int, error) {
	w.tell(http.StatusOK)
	return w.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) tell(status int) {
	if w.told {
		return
	}
	w.told = true
	because(w.conn, w.node.Emit(trace.Event{
		Kind: trace.Response, Cause: w.request, Conn: connOf(w.conn), Rule: ruleAnswers,
		HTTP: &trace.HTTP{Status: status, Header: lines(w.Header())},
	}))
}
