package dnsclient

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/miekg/dns"
)

// fakeNet is a Dialer whose servers are functions. Its connections are net.Pipes,
// which keep time with testing/synctest.
type fakeNet struct {
	mu      sync.Mutex
	servers map[string]fakeServer // by "udp 192.0.2.1:53"
	dialed  []string
}

// fakeServer answers what arrives on one connection, and may close it.
type fakeServer func(*fakeConn)

// fakeConn is a server's end of a connection.
type fakeConn struct {
	net.Conn
	tcp bool
}

// DialContext connects to a server, or is refused as by a host that has none there.
func (n *fakeNet) DialContext(_ context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := network + " " + address
	n.dialed = append(n.dialed, key)
	serve := n.servers[key]
	if serve == nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		serve(&fakeConn{theirs, network == "tcp"})
	}()
	return ours, nil
}

// asked lists what was dialed.
func (n *fakeNet) asked() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.dialed, ", ")
}

func (n *fakeNet) serve(network, address string, s fakeServer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.servers == nil {
		n.servers = map[string]fakeServer{}
	}
	n.servers[network+" "+address] = s
}

// query reads the next query; nil at the connection's end.
func (c *fakeConn) query() *dns.Msg {
	var b []byte
	var err error
	if c.tcp {
		b, err = readFrame(c, dns.MaxMsgSize)
	} else {
		var n int
		b = make([]byte, dns.MaxMsgSize)
		n, err = c.Read(b)
		b = b[:n]
	}
	m := new(dns.Msg)
	if err != nil || m.Unpack(b) != nil {
		return nil
	}
	return m
}

// send sends bytes as a message. The client may have closed.
func (c *fakeConn) send(b []byte) {
	if c.tcp {
		b = append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
	}
	_, _ = c.Write(b)
}

func (c *fakeConn) answer(m *dns.Msg) { c.send(packed(m)) }

func packed(m *dns.Msg) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// always answers each query with what f makes of it; nil is no answer.
func always(f func(q *dns.Msg) *dns.Msg) fakeServer {
	return func(c *fakeConn) {
		for q := c.query(); q != nil; q = c.query() {
			if m := f(q); m != nil {
				c.answer(m)
			}
		}
	}
}

// silent reads and says nothing.
func silent(c *fakeConn) { _, _ = io.Copy(io.Discard, c) }

// reply is an answer to q with records, which are in the form of a zone file.
func reply(q *dns.Msg, records ...string) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	for _, s := range records {
		m.Answer = append(m.Answer, rr(s))
	}
	if q.IsEdns0() != nil {
		m.SetEdns0(1232, false)
	}
	return m
}

// failing is an answer to q with a response code.
func failing(q *dns.Msg, rcode int) *dns.Msg {
	m := reply(q)
	m.Rcode = rcode
	return m
}

// rr is a record in the form of a zone file, with a TTL of an hour unless it has one.
func rr(s string) dns.RR {
	r, err := dns.NewRR(s)
	if err != nil {
		panic(err)
	}
	return r
}

func question(name string, qtype uint16) dns.Question {
	return dns.Question{Name: name, Qtype: qtype, Qclass: dns.ClassINET}
}

// Two servers.
var (
	server1 = netip.MustParseAddrPort("192.0.2.1:53")
	server2 = netip.MustParseAddrPort("192.0.2.2:53")
)

func newClient(t *testing.T, n *fakeNet) *Client {
	t.Helper()
	c, err := NewClient(ClientConfig{Dialer: n})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func texts(records []dns.RR) string {
	var list []string
	for _, r := range records {
		list = append(list, strings.Join(strings.Fields(r.String()), " "))
	}
	return strings.Join(list, "; ")
}
