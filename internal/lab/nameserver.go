package lab

import (
	"net"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/tracedns"
	"github.com/tinystack/tinystack/udp"
)

// nameServer is an authoritative name server.
type nameServer struct {
	node  *Node
	told  *tracedns.Server
	zones []*zone
}

const (
	// dnsThink is how long a name server takes to answer.
	dnsThink = 200 * time.Microsecond
	// ednsSize is the longest message that it sends and takes over UDP (RFC 9715).
	ednsSize = 1232
)

// serveZones answers questions about the zones, over UDP and TCP, at all addresses.
func (n *Node) serveZones(origins []string) error {
	s := &nameServer{node: n, told: tracedns.NewServer(n.events)}
	for _, origin := range origins {
		z, err := readZone(origin)
		if err != nil {
			return err
		}
		s.zones = append(s.zones, z)
	}
	for _, addr := range n.Addrs() {
		if err := s.listen(net.JoinHostPort(addr.String(), "53")); err != nil {
			return err
		}
	}
	return nil
}

// listen serves at one address, so that answers come from where the question went.
func (s *nameServer) listen(address string) error {
	pc, err := s.node.stack.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	s.run(&dns.Server{PacketConn: s.told.Socket(pc.(*udp.Conn)), Handler: s})
	ln, err := s.node.Listen("tcp", address)
	if err != nil {
		return err
	}
	s.run(&dns.Server{Listener: ln, Handler: s})
	return nil
}

func (s *nameServer) run(server *dns.Server) {
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	s.node.serve(server.ActivateAndServe, func() error {
		<-started // until then Shutdown has no effect
		return server.Shutdown()
	})
}

// ServeDNS answers one question.
func (s *nameServer) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	time.Sleep(dnsThink)
	m := s.reply(r)
	size := dns.MaxMsgSize
	if w.LocalAddr().Network() == "udp" {
		size = udpSize(r)
	}
	m.Truncate(size)
	_ = w.WriteMsg(m) // if it can't be sent, the client will ask again
}

// udpSize is how long an answer over UDP may be (RFC 6891 6.2.3).
func udpSize(r *dns.Msg) int {
	opt := r.IsEdns0()
	if opt == nil {
		return dns.MinMsgSize
	}
	return max(dns.MinMsgSize, min(int(opt.UDPSize()), ednsSize))
}

// reply makes the answer to r.
func (s *nameServer) reply(r *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable = false
	m.Compress = true
	s.answer(m, r)
	if r.IsEdns0() != nil {
		m.SetEdns0(ednsSize, false)
	}
	return m
}

func (s *nameServer) answer(m, r *dns.Msg) {
	q := r.Question[0] // the server hands on none without a question
	name := dns.CanonicalName(q.Name)
	z := s.zone(name)
	switch {
	case r.Opcode != dns.OpcodeQuery:
		m.Rcode = dns.RcodeNotImplemented
	case q.Qclass != dns.ClassINET, z == nil:
		m.Rcode = dns.RcodeRefused
	default:
		z.answer(m, name, q.Qtype)
	}
}

// zone returns the zone that is nearest to name, nil if none has it (RFC 1034 4.3.2 step 2).
func (s *nameServer) zone(name string) (best *zone) {
	for _, z := range s.zones {
		if z.has(name) && (best == nil || best.has(z.origin)) {
			best = z
		}
	}
	return best
}
