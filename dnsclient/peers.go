package dnsclient

import (
	"cmp"
	"container/list"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// maxPeers is how many servers are remembered, the last used.
const maxPeers = 4096

// peers is what is known of servers, by their addresses. Its methods may be
// called by several goroutines.
type peers struct {
	mu   sync.Mutex
	rand *rand.Rand // nil: the runtime's
	byIP map[netip.Addr]*list.Element
	used list.List // of *knownPeer, the last used first
}

type knownPeer struct {
	addr netip.Addr
	peer
}

// candidate is a server that may be asked.
type candidate struct {
	name string
	addr netip.Addr
}

func newPeers(source rand.Source) *peers {
	p := &peers{byIP: map[netip.Addr]*list.Element{}}
	if source != nil {
		p.rand = rand.New(source)
	}
	return p
}

// timeout is how long the server has to answer.
func (p *peers) timeout(addr netip.Addr) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.get(addr).timeout(time.Now())
}

// answered takes note of an answer.
func (p *peers) answered(addr netip.Addr, rtt time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.get(addr).answered(time.Now(), rtt)
}

// timedOut takes note of a question without an answer.
func (p *peers) timedOut(addr netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.get(addr).timedOut(time.Now())
}

// setLame takes note that the server is none of the zone'p.
func (p *peers) setLame(addr netip.Addr, zone string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.get(addr).setLame(time.Now(), zone)
}

func (p *peers) get(addr netip.Addr) *peer {
	el := p.byIP[addr]
	if el == nil {
		if len(p.byIP) == maxPeers {
			delete(p.byIP, p.used.Remove(p.used.Back()).(*knownPeer).addr)
		}
		el = p.used.PushFront(&knownPeer{addr: addr})
		p.byIP[addr] = el
	}
	p.used.MoveToFront(el)
	return &el.Value.(*knownPeer).peer
}

// order returns the candidates that may be asked about a zone, first those that are
// not known, in random order, then the nearest (RFC 1034 5.3.3); and those that rest,
// the one first that has rested longest. The lame ones are left out.
func (p *peers) order(candidates []candidate, zone string, now time.Time) (awake, resting []candidate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range candidates {
		switch known := p.get(c.addr); {
		case known.isLame(now, zone):
		case now.Before(known.resting):
			resting = append(resting, c)
		default:
			awake = append(awake, c)
		}
	}
	p.shuffle(awake)
	slices.SortStableFunc(awake, func(a, b candidate) int {
		return cmp.Compare(p.get(a.addr).expected(now), p.get(b.addr).expected(now))
	})
	slices.SortStableFunc(resting, func(a, b candidate) int {
		return p.get(a.addr).resting.Compare(p.get(b.addr).resting)
	})
	return awake, resting
}

func (p *peers) shuffle(list []candidate) {
	swap := func(i, j int) { list[i], list[j] = list[j], list[i] }
	if p.rand == nil {
		rand.Shuffle(len(list), swap)
		return
	}
	p.rand.Shuffle(len(list), swap)
}
