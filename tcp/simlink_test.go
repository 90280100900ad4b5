package tcp

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
)

// linkHost is a layer on a device of package link, which gets segments after twenty bytes where
// an IP header would be, and leaves checksums as they are.
type linkHost struct {
	dev           link.Device
	local, remote netip.Addr
	layer         *Layer
}

func (h *linkHost) Local() netip.Addr                           { return h.local }
func (h *linkHost) Remote() netip.Addr                          { return h.remote }
func (h *linkHost) MTU() int                                    { return h.dev.MTU() }
func (h *linkHost) LowerMTU(int)                                {}
func (h *linkHost) Features() packet.Features                   { return h.dev.Features() }
func (h *linkHost) IsLocal(a netip.Addr) bool                   { return a == h.local }
func (h *linkHost) Route(_, _ netip.Addr) (packet.Route, error) { return h, nil }

func (h *linkHost) Send(p *packet.Out) error {
	clear(p.Prepend(20))
	p.Offload = packet.Offload{}
	return h.dev.Write(p)
}

// read gives the layer what the device reads, until it is closed.
func (h *linkHost) read() {
	in := packet.In{}
	in.Src, in.Dst = h.remote, h.local
	in.Csum = packet.CsumPartial
	for {
		buf := packet.Get(h.dev.MaxRead())
		n, _, err := h.dev.Read(buf.B, false)
		if errors.Is(err, link.ErrWouldBlock) {
			in.EndBatch()
			n, _, err = h.dev.Read(buf.B, true)
		}
		if err != nil {
			buf.Release()
			return
		}
		in.Fill(buf)
		in.Packet, in.Payload = buf.B[:n], buf.B[20:n]
		h.layer.Receive(&in)
		if buf := in.Take(); buf != nil {
			buf.Release()
		}
	}
}

// newLinkHosts returns two hosts, joined by a wire that is bad before the first.
func newLinkHosts(t *testing.T, cfg Config, bad link.ImpairConfig) [2]*linkHost {
	near, far := link.Pair(link.PairConfig{})
	wire, err := link.Impair(near, bad)
	must(t, err)
	hosts := [2]*linkHost{
		{dev: wire, local: wireAddrs[0], remote: wireAddrs[1]},
		{dev: far, local: wireAddrs[1], remote: wireAddrs[0]},
	}
	for _, h := range hosts {
		h.layer, err = New(h, cfg)
		must(t, err)
		go h.read()
		t.Cleanup(func() {
			h.layer.Close()
			h.dev.Close()
		})
	}
	return hosts
}

// What the simulator says of a path, link's bad wire says too: over it the same connections, with their timers, locks
// and goroutines, get the same within 2 % in the virtual time of a bubble.
func TestSimAgreesWithLink(t *testing.T) {
	t.Parallel()
	const (
		rate, rtt, queue = 10 * mbit, 40 * ms, 50 * ms
		took             = 10 * time.Second
	)
	for _, name := range simAlgorithms {
		for _, every := range []int{1 << 30, 500} { // one packet of so many is lost
			s := newLeanSim(t, 1)
			from, to := s.download(Config{Congestion: name}, rate, rtt, rate/8*int(queue/ms)/1000)
			from.out.drop = func(n int, _ *Header) bool { return (n+1)%every == 0 }
			s.runFor(took)
			var got int64
			synctest.Test(t, func(t *testing.T) {
				back := link.Impairment{Delay: rtt / 2}
				there := link.Impairment{Delay: rtt / 2, Rate: rate, Queue: queue}
				there.LoseIf = func(n uint64, _ []byte) bool { return n%uint64(every) == 0 }
				got = linkDownload(t, Config{Congestion: name}, link.ImpairConfig{In: &back, Out: &there}, took)
			})
			if ratio := float64(got) / float64(to.got); math.Abs(ratio-1) > 0.02 {
				t.Errorf("%s, one of %d lost: over link %d bytes arrive, in simulation %d", name, every, got, to.got)
			}
		}
	}
}

// linkDownload returns how many bytes an application reads in so long, of a connection that always has data.
func linkDownload(t *testing.T, cfg Config, bad link.ImpairConfig, d time.Duration) (got int64) {
	hosts := newLinkHosts(t, cfg, bad)
	ln, err := hosts[1].layer.Listen(netip.AddrPortFrom(wireAddrs[1], 80))
	must(t, err)
	end := time.Now().Add(d)
	from, err := hosts[0].layer.Dial(context.Background(), netip.AddrPort{}, ln.addr)
	must(t, err)
	to, err := ln.AcceptTCP()
	must(t, err)
	must(t, from.SetDeadline(end))
	must(t, to.SetDeadline(end))
	go func() {
		for p, err := make([]byte, 64<<10), error(nil); err == nil; {
			_, err = from.Write(p)
		}
	}()
	for p := make([]byte, 64<<10); ; {
		n, err := to.Read(p)
		if got += int64(n); err != nil {
			wantErr(t, "Read", err, os.ErrDeadlineExceeded)
			return got
		}
	}
}
