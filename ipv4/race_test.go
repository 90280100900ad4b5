package ipv4

import (
	"net/netip"
	"sync"
	"testing"

	"github.com/tinystack/tinystack/packet"
)

// countingHandler is a Handler for several goroutines.
type countingHandler struct {
	mu sync.Mutex
	n  int
}

func (c *countingHandler) Receive(*packet.In) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
}

func (c *countingHandler) Control(*packet.Control) {}

// Packets come in through two interfaces and go out, while addresses, routes and
// path MTUs change: nothing is lost that has its way all the time.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	const n = 300
	h := newHost(t, Config{Forward: true})
	udp := &countingHandler{}
	h.Handle(protocolUDP, udp)
	h.a.discard, h.b.discard = true, true
	r := h.route(peerA)
	payload := udpPayload(4000)
	var wg sync.WaitGroup
	for link, i := range []*Interface{h.ia, h.ib} {
		peer := []netip.Addr{peerA, peerB}[link]
		wg.Go(func() {
			var in packet.In
			give := func(b []byte) {
				buf := packet.Get(2048)
				in.Fill(buf)
				h.Layer.Input(i, &in, buf.B[:copy(buf.B, b)], packet.Offload{})
				in.Take().Release()
			}
			for id := range uint16(n) {
				give(udpTo(peer, hostA, 10))
				give(udpTo(peer, distant, 10))
				give(icmpFrom(peer, hostB, icmpEcho, 0, 1, nil))
				for _, p := range split(payload, 1480) {
					give(build(Header{Protocol: protocolUDP, ID: id, Src: peer, Dst: hostA, Offset: p.from, MF: p.to < len(payload)}, payload[p.from:p.to]))
				}
			}
		})
	}
	wg.Go(func() {
		for range n {
			if err := r.Send(udpOut(2000)); err != nil {
				t.Error(err)
			}
			r.LowerMTU(1200)
			h.Stats()
		}
	})
	wg.Go(func() {
		extra := prefix("10.0.0.1/8")
		for range n {
			if err := h.ib.AddAddress(extra); err != nil {
				t.Error(err)
			}
			if err := h.ib.RemoveAddress(extra); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if udp.n != 2*2*n {
		t.Errorf("%d datagrams delivered, want %d", udp.n, 2*2*n)
	}
	if s := h.ICMPStats(); s.OutEchoReps != 2*n {
		t.Errorf("%d echo replies, want %d", s.OutEchoReps, 2*n)
	}
}
