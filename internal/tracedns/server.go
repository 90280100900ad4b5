package tracedns

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/trace"
	"github.com/tinystack/tinystack/udp"
)

const ruleAsked trace.Rule = "a client asks, RFC 1034 5.3.3"

// maxOpen bounds the questions that are remembered.
const maxOpen = 1024

// Server tells at a node what a name server is asked and what it answers.
type Server struct {
	node *trace.Node

	mu   sync.Mutex
	open map[received]trace.ID     // questions not answered
	last map[dns.Question]received // of those, the one that came last
}

// received is a message that came to a server.
type received struct {
	from netip.AddrPort
	id   uint16
}

// NewServer returns a server without sockets.
func NewServer(node *trace.Node) *Server {
	s := &Server{node: node}
	s.forget()
	return s
}

func (s *Server) forget() { s.open, s.last = map[received]trace.ID{}, map[dns.Question]received{} }

// Socket returns c, but that the questions it reads and the answers it writes are told.
func (s *Server) Socket(c *udp.Conn) net.PacketConn { return &socket{c, s} }

// Resolver returns r, but that what it does is told as following from the question that
// came to the server.
func (s *Server) Resolver(r dnsclient.Resolver) dnsclient.Resolver {
	return &serverResolver{s, Resolver(s.node, r)}
}

type serverResolver struct {
	server *Server
	dnsclient.Resolver
}

// Resolve returns the answer to a question.
func (r *serverResolver) Resolve(ctx context.Context, q dns.Question) (*dnsclient.Answer, error) {
	return r.Resolver.Resolve(trace.WithCause(ctx, r.server.cause(q)), q)
}

// cause is the event of the question that came last and is not answered.
func (s *Server) cause(q dns.Question) trace.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[s.last[key(q)]]
}

// key is q as the resolver may have it.
func key(q dns.Question) dns.Question {
	q.Name, q.Qclass = dns.CanonicalName(q.Name), dns.ClassINET
	return q
}

// asked tells of a question.
func (s *Server) asked(c *udp.Conn, b []byte, from netip.AddrPort) {
	m := new(dns.Msg)
	if m.Unpack(b) != nil || m.Response || len(m.Question) != 1 {
		return // no question: what the server makes of it is its business
	}
	d := questionOf(m)
	d.Server = c.LocalAddr().String()
	id := s.node.Emit(trace.Event{Kind: trace.Question, Cause: c.Heard(), Conn: connOf(c, from), Rule: ruleAsked, DNS: d})
	c.BecauseTo(from, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= maxOpen {
		s.forget()
	}
	r := received{from, m.Id}
	s.open[r], s.last[key(m.Question[0])] = id, r
}

// answers tells of an answer.
func (s *Server) answers(c *udp.Conn, b []byte, to netip.AddrPort) {
	m := new(dns.Msg)
	if m.Unpack(b) != nil {
		return
	}
	r := received{to, m.Id}
	s.mu.Lock()
	cause := s.open[r]
	delete(s.open, r)
	if len(m.Question) == 1 && s.last[key(m.Question[0])] == r {
		delete(s.last, key(m.Question[0]))
	}
	s.mu.Unlock()
	d, rule := answerOf(m)
	d.Server = c.LocalAddr().String()
	c.BecauseTo(to, s.node.Emit(trace.Event{Kind: trace.Answer, Cause: cause, Conn: connOf(c, to), Rule: rule, DNS: d}))
}

// socket is one that a server reads questions from and writes answers to.
type socket struct {
	*udp.Conn
	server *Server
}

// ReadFrom reads a datagram.
func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromUDPAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// ReadFromUDPAddrPort reads a datagram.
func (s *socket) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := s.Conn.ReadFromUDPAddrPort(b)
	if err == nil && s.server.node.On() {
		s.server.asked(s.Conn, b[:n], from)
	}
	return n, from, err
}

// WriteTo writes a datagram.
func (s *socket) WriteTo(b []byte, addr net.Addr) (int, error) {
	if to, ok := addr.(*net.UDPAddr); ok && s.server.node.On() {
		s.server.answers(s.Conn, b, to.AddrPort())
	}
	return s.Conn.WriteTo(b, addr)
}

// WriteToUDPAddrPort writes a datagram.
func (s *socket) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if s.server.node.On() {
		s.server.answers(s.Conn, b, to)
	}
	return s.Conn.WriteToUDPAddrPort(b, to)
}

func connOf(c *udp.Conn, remote netip.AddrPort) trace.Conn {
	local := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return trace.Conn{
		Protocol: "udp",
		Local:    netip.AddrPortFrom(local.Addr().Unmap(), local.Port()),
		Remote:   netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port()),
	}
}
