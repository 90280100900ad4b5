package stack_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/tcp"
)

// manyPeers are the other ends of any number of connections to one port of a stack, over an in-memory
// pair. Each is some bytes of state and answers by rote, so that what is measured is the stack.
type manyPeers struct {
	t    testing.TB
	dev  *link.Pipe
	ends []peerEnd
	out  packet.Out
	buf  []byte // of the packet to be sent
	in   []byte
}

// peerEnd is all that one of them knows.
type peerEnd struct {
	snd, rcv tcp.Seq
	echo     uint32 // the last timestamp heard
}

const (
	// atOnce is how many segments are under way to the stack, less than the pair's queue.
	atOnce = 256
	// portsEach is how many connections come from each of the peers' addresses.
	portsEach = 50000
	firstPort = 1024
	peersPort = 80
)

var (
	manyHost = netip.MustParsePrefix("10.0.0.1/8")
	manyBase = uint32(10<<24 | 1<<16) // 10.1.0.0
)

// newManyPeers returns a stack, and the peers that will connect to it.
func newManyPeers(t testing.TB, cfg stack.Config) (*stack.Stack, *manyPeers) {
	t.Helper()
	s := newStack(t, cfg)
	ours, theirs := link.Pair(link.PairConfig{Features: offloads, Queue: 4 * atOnce})
	must(t, s.AddInterface(ours, manyHost))
	t.Cleanup(func() { theirs.Close() })
	return s, &manyPeers{t: t, dev: theirs, in: make([]byte, packet.MaxSize)}
}

// address is where the i-th connection comes from.
func (p *manyPeers) address(i int) (netip.Addr, uint16) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], manyBase+uint32(i/portsEach))
	return netip.AddrFrom4(b), uint16(firstPort + i%portsEach)
}

// index is the connection that a packet to this address is of.
func (p *manyPeers) index(a netip.Addr, port uint16) int {
	b := a.As4()
	return int(binary.BigEndian.Uint32(b[:])-manyBase)*portsEach + int(port) - firstPort
}

// open has connections in all, one after the other from number first on, do a handshake, and each
// be taken by accept.
func (p *manyPeers) open(first, n int, accept func(i int)) {
	for len(p.ends) < first+n {
		p.ends = append(p.ends, peerEnd{})
	}
	for at := first; at < first+n; at += atOnce {
		to := min(at+atOnce, first+n)
		for i := at; i < to; i++ {
			p.ends[i] = peerEnd{snd: 1000}
			p.send(i, tcp.SYN, nil)
		}
		p.receive(to - at)
		for i := at; i < to; i++ {
			p.send(i, tcp.ACK, nil)
		}
		for i := at; i < to; i++ {
			accept(i)
		}
	}
}

// send sends a segment of connection i.
func (p *manyPeers) send(i int, flags tcp.Flags, data []byte) {
	e := &p.ends[i]
	src, port := p.address(i)
	h := tcp.Header{SrcPort: port, DstPort: peersPort, Seq: e.snd, Flags: flags, Window: 65535}
	h.Options.HasTimestamps, h.Options.TSVal, h.Options.TSEcr = true, 1, e.echo
	switch {
	case flags.Has(tcp.SYN):
		h.Options.MSS, h.Options.SACKPermitted = 1460, true
		h.Options.HasWindowScale, h.Options.WindowScale = true, 7
		e.snd++
	case flags.Has(tcp.ACK):
		h.Ack = e.rcv
	}
	e.snd += tcp.Seq(len(data))
	ip := ipv4.Header{DF: true, TTL: 64, Protocol: tcp.Protocol, Src: src, Dst: manyHost.Addr()}
	ip.TotalLen = ip.Len() + h.Len() + len(data)
	p.buf = append(h.AppendTo(ip.AppendTo(p.buf[:0])), data...)
	p.out.Reset()
	p.out.Csum, p.out.CsumStart, p.out.CsumOffset = packet.CsumPartial, uint16(ip.Len()), 16
	p.out.Body[0] = p.buf
	if err := p.dev.Write(&p.out); err != nil {
		p.t.Fatal(err)
	}
}

// receive takes in n segments with a SYN or data; keepalive probes have neither.
func (p *manyPeers) receive(n int) {
	for n > 0 {
		size, _, err := p.dev.Read(p.in, true)
		if err != nil {
			p.t.Fatal(err)
		}
		ip, payload, err := ipv4.Parse(p.in[:size])
		if err != nil {
			p.t.Fatal(err)
		}
		h, data, err := tcp.Parse(payload)
		if err != nil {
			p.t.Fatal(err)
		}
		if len(data) == 0 && !h.Flags.Has(tcp.SYN) {
			continue
		}
		n--
		e := &p.ends[p.index(ip.Dst, h.DstPort)]
		e.rcv, e.echo = h.Seq+tcp.Seq(len(data)), h.Options.TSVal
		if h.Flags.Has(tcp.SYN) {
			e.rcv++
		}
	}
}
