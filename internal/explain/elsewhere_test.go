package explain

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/trace"
	"github.com/tinystack/tinystack/udp"
)

// The two ends of a network that is not the lab, all of whose services are at farIP.
const (
	nearIP = "198.18.5.2"
	farIP  = "198.18.5.1"
)

// elsewhere is such a network: the near end is an Own, of the far one nothing is told.
type elsewhere struct {
	t   *testing.T
	own *Own
	far *stack.Stack
}

// newElsewhere makes one whose wire does what cfg says.
func newElsewhere(t *testing.T, change Change, cfg link.ImpairConfig) *elsewhere {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	near, far := link.Pair(link.PairConfig{Name: "net", MTU: change.MTU()})
	bad, err := link.Impair(near, cfg)
	must(err)
	tr := trace.New()
	e := &elsewhere{t: t, own: &Own{
		Trace: tr, Device: link.NewCapture(bad), Gateway: netip.MustParseAddr(farIP),
		Servers: []netip.AddrPort{netip.MustParseAddrPort(farIP + ":53")},
	}}
	e.own.Stack, err = stack.New(stack.Config{TCP: change.TCP(), Trace: tr.Node(HostNode)})
	must(err)
	must(e.own.Stack.AddInterface(e.own.Device, netip.MustParsePrefix(nearIP+"/24")))
	must(e.own.Stack.SetDefaultGateway(e.own.Gateway))
	e.far, err = stack.New(stack.Config{})
	must(err)
	must(e.far.AddInterface(far, netip.MustParsePrefix(farIP+"/24")))
	t.Cleanup(func() {
		e.own.Stack.Close()
		e.far.Close()
	})
	return e
}

// serveNames has a name server that knows one name; another it knows not.
func (e *elsewhere) serveNames() {
	pc, err := e.far.ListenPacket("udp", ":53")
	if err != nil {
		e.t.Fatal(err)
	}
	known, err := dns.NewRR("www.example. 300 IN A " + farIP)
	if err != nil {
		e.t.Fatal(err)
	}
	soa, err := dns.NewRR("example. 60 IN SOA ns.example. x.example. 1 2 3 4 60")
	if err != nil {
		e.t.Fatal(err)
	}
	server := &dns.Server{PacketConn: pc.(*udp.Conn), Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		time.Sleep(pace)
		m := new(dns.Msg).SetReply(q)
		m.RecursionAvailable, m.Answer = true, []dns.RR{known}
		if q.Question[0].Name != known.Header().Name {
			m.Rcode, m.Answer, m.Ns = dns.RcodeNameError, nil, []dns.RR{soa}
		}
		_ = w.WriteMsg(m)
	})}
	go server.ActivateAndServe()
	e.t.Cleanup(func() {
		synctest.Wait()
		server.Shutdown()
	})
}

// pace is how long the far end's programs take, so that what they do comes after what the stacks do.
const pace = 70 * time.Microsecond

// serveWeb has a web server.
func (e *elsewhere) serveWeb(h http.HandlerFunc) {
	ln, err := e.far.Listen("tcp", ":80")
	if err != nil {
		e.t.Fatal(err)
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(pace)
			h(w, r)
		}),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	go server.Serve(ln)
	e.t.Cleanup(func() { server.Close() })
}

type connKey struct{}

// pages are some of a server that closes the connection after the second one.
func pages(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/":
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, `<html><link rel=stylesheet href=style.css><img src=picture></html>`)
	case "/style.css":
		w.Header().Set("Transfer-Encoding", "identity") // it ends with the connection
		w.Header().Set("Cache-Control", "max-age=60")
		io.WriteString(w, "body { color: black }")
	case "/many":
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, `<html><img src=huge><img src=once><img src=picture></html>`)
	case "/huge":
		w.Write(make([]byte, maxBody+100_000))
	case "/once": // closes without a word
		io.WriteString(w, "once")
		_ = http.NewResponseController(w).Flush()
		go func() {
			time.Sleep(pace)
			r.Context().Value(connKey{}).(net.Conn).Close()
		}()
	case "/picture":
		w.Header().Set("Content-Type", "image/png")
		w.Write(bytes.Repeat([]byte("x"), 60_000))
	default:
		http.NotFound(w, r)
	}
}

// wrongPages are of a server that breaks off.
func wrongPages(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(connKey{}).(interface {
		net.Conn
		SetLinger(int) error
	})
	switch r.URL.Path {
	case "/never":
		<-r.Context().Done()
	case "/reset":
		_ = c.SetLinger(0)
		c.Close()
	case "/short":
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, "short")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "/nothing":
		c.Close()
	}
}
