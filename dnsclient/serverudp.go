package dnsclient

import (
	"bytes"
	"errors"
	"net"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/counter"
)

// ServePacket answers questions that come over UDP, until the socket or the server
// is closed; it then returns net.ErrClosed. It closes the socket. The socket should be
// bound to an address: one for all could answer from another than was asked.
func (s *Server) ServePacket(pc net.PacketConn) error {
	h := s.hold(pc)
	if h == nil {
		_ = pc.Close()
		return net.ErrClosed
	}
	defer s.release(h)
	buf := make([]byte, maxQuestionLen+1)
	for {
		n, from, err := pc.ReadFrom(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return net.ErrClosed
		case err != nil: // of an earlier answer, say; it must not end the server, nor make it spin
			time.Sleep(time.Millisecond)
			continue
		}
		counter.Inc(&s.stats.Questions)
		if n > maxQuestionLen {
			counter.Inc(&s.stats.DropLong)
			continue
		}
		s.datagram(pc, from, buf[:n])
	}
}

// datagram answers a question that came in a datagram, or starts to.
func (s *Server) datagram(pc net.PacketConn, from net.Addr, msg []byte) {
	client := clientOf(from)
	switch v := s.clients.admit(client); {
	case v == underRate:
	case v == slipped && s.admitted(client):
		counter.Inc(&s.stats.RateSlipped)
		s.sendTo(pc, from, truncatedOnly(msg))
		return
	default:
		counter.Inc(&s.stats.DropRate)
		return
	}
	select {
	case s.slots <- struct{}{}:
	default:
		counter.Inc(&s.stats.DropBusy)
		return
	}
	msg = bytes.Clone(msg)
	s.working.Add(1) // its own, while ServePacket has one
	go func() {
		defer s.working.Done()
		defer func() { <-s.slots }()
		s.sendTo(pc, from, s.answer(client, "udp", msg))
	}()
}

func (s *Server) sendTo(pc net.PacketConn, to net.Addr, msg []byte) {
	if msg == nil {
		return
	}
	if _, err := pc.WriteTo(msg, to); err != nil {
		counter.Inc(&s.stats.SendErrors)
	}
}

// truncatedOnly is the answer that sends a client to TCP, where it has to show that
// its address is its own: no longer than the question.
func truncatedOnly(msg []byte) []byte {
	if len(msg) < headerLen || isResponse(msg) {
		return nil
	}
	q, err := parse(msg)
	if err != nil {
		return nil
	}
	m := new(dns.Msg).SetReply(q)
	m.Truncated = true
	b, err := m.Pack()
	if err != nil || len(b) > len(msg) { // a name that was compressed may be longer in our words
		return nil
	}
	return b
}
