package tracehttp

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tinystack/tinystack/internal/tracetest"
	"github.com/tinystack/tinystack/trace"
)

// endpoint is a connection that knows causes, as the stack's do.
type endpoint struct {
	net.Conn
	because atomic.Uint64
}

func (e *endpoint) Heard() trace.ID     { return 1 }
func (e *endpoint) Because(id trace.ID) { e.because.Store(uint64(id)) }

// serve runs a server that tells, and returns its address.
func serve(t *testing.T, node *trace.Node, h http.HandlerFunc) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: Handler(node, h), ConnContext: ConnContext}
	go server.Serve(ln)
	t.Cleanup(func() { server.Close() })
	return ln.Addr().String()
}

// Both ends tell of the request and the response, with the headers in order, and make them
// the cause of what is written.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	tr := trace.New()
	log := tracetest.Listen(t, tr)
	first := tr.Node("client").Emit(trace.Event{Kind: trace.Call})
	addr := serve(t, tr.Node("server"), func(w http.ResponseWriter, r *http.Request) {
		w.Header()["B"], w.Header()["A"] = []string{"2", "3"}, []string{"1"}
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "short")
		if trace.Cause(r.Context()) == 0 {
			t.Error("the handler's context has no cause")
		}
	})
	end := &endpoint{}
	plain := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		var err error
		end.Conn, err = new(net.Dialer).DialContext(ctx, network, addr)
		return end, err
	}}
	defer plain.CloseIdleConnections()
	ctx := trace.WithCause(t.Context(), first)
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/x?y", nil)
	resp, err := Transport(tr.Node("client"), plain).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	var got []string
	for _, e := range log.Events(func(e *trace.Event) bool { return e.HTTP != nil }) {
		got = append(got, strings.Join([]string{e.Node, e.Kind.String(), e.HTTP.Method, e.HTTP.URL}, " "))
		if e.Conn.Local.Port() == 0 || e.Conn.Remote.Port() == 0 {
			t.Errorf("%s: connection %+v", got[len(got)-1], e.Conn)
		}
		switch {
		case e.Kind != trace.Response:
		case e.HTTP.Status != http.StatusTeapot || !slices.Contains(e.HTTP.Header, "B: 3"):
			t.Errorf("response %+v", e.HTTP)
		case !slices.IsSorted(e.HTTP.Header[:3]):
			t.Errorf("header %q", e.HTTP.Header)
		}
	}
	url := "http://" + addr + "/x?y"
	want := []string{"client request GET " + url, "server request GET " + url, "server response  ", "client response GET " + url}
	if !slices.Equal(got, want) {
		t.Errorf("told %q", got)
	}
	requests := log.Events(func(e *trace.Event) bool { return e.Kind == trace.Request })
	if requests[0].Cause != first || trace.ID(end.because.Load()) != requests[0].ID {
		t.Errorf("the request's cause is %d, and it is that of what is written: %d", requests[0].Cause, end.because.Load())
	}
}

// A handler that writes nothing has answered 200; one that only writes, too.
func TestImplicitStatus(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "text"} {
		tr := trace.New()
		log := tracetest.Listen(t, tr)
		addr := serve(t, tr.Node("server"), func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
		resp, err := http.Get("http://" + addr)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		answers := log.Events(func(e *trace.Event) bool { return e.Kind == trace.Response })
		if len(answers) != 1 || answers[0].HTTP.Status != http.StatusOK {
			t.Errorf("body %q: %d responses told, %+v", body, len(answers), answers)
		}
	}
}

// With nobody to listen nothing is in the way.
func TestOff(t *testing.T) {
	t.Parallel()
	addr := serve(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(*writer); ok {
			t.Error("the handler got our writer")
		}
	})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr, nil)
	resp, err := Transport(nil, http.DefaultTransport).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}
