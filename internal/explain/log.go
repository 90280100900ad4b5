package explain

import (
	"sync"

	"github.com/tinystack/tinystack/trace"
)

// maxEvents bounds what a run remembers: some hundred times what a trip takes.
const maxEvents = 1 << 20

// The nodes that stories speak of, and the interface of the host's router towards it.
const (
	nodeBrowser  = "browser"
	nodeHost     = "host"
	nodeHome     = "home"
	nodeResolver = "resolver"
	nodeWeb      = "web"
	homeLAN      = "lan"
)

// log is all that has happened so far.
type log struct {
	mu      sync.Mutex
	events  []*trace.Event
	byID    map[trace.ID]*trace.Event
	packets []*numbered
	byEvent map[trace.ID]*numbered    // by their being put on the wire, and by their being sent first
	missed  uint64                    // events above maxEvents
	onWire  func(e *trace.Event) bool // whether e, of a packet, numbers it
	lose    func(n int, e *trace.Event) bool
	doomed  map[string]int // packets that the wire is to lose, by their key
}

// numbered is a packet on the host's wire. Where its sending is not told, the events are of
// its being received.
type numbered struct {
	n      int
	sent   *trace.Event // on to that wire
	origin *trace.Event // by its first sender
	lost   bool         // on that wire
}

// out reports whether the host sent the packet.
func (p *numbered) out() bool { return p.sent.Kind == trace.Sent && p.sent.Node == nodeHost }

// conn is the connection as its sender sees it.
func (p *numbered) conn() trace.Conn {
	if p.origin.Kind == trace.Received {
		return reversed(p.origin.Conn)
	}
	return p.origin.Conn
}

// newLog returns one that numbers those packets of which onWire says that they are on the
// host's wire.
func newLog(onWire func(*trace.Event) bool) *log {
	return &log{
		byID: map[trace.ID]*trace.Event{}, byEvent: map[trace.ID]*numbered{}, doomed: map[string]int{}, onWire: onWire,
	}
}

// add takes an event in; it is made for [trace.Tracer.Subscribe].
func (l *log) add(e *trace.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) == maxEvents {
		l.missed++
		return
	}
	l.events = append(l.events, e)
	l.byID[e.ID] = e
	if e.Packet != nil && l.onWire(e) {
		l.number(e)
	}
}

// number gives a packet on the host's wire its number, and decides its fate there.
func (l *log) number(e *trace.Event) {
	p := &numbered{n: len(l.packets) + 1, sent: e, origin: l.origin(e)}
	l.packets = append(l.packets, p)
	l.byEvent[e.ID], l.byEvent[p.origin.ID] = p, p
	if l.lose != nil && l.lose(p.n, e) {
		p.lost = true
		l.doomed[key(e.Packet.Head)]++
	}
}

// origin is the event of a packet's being sent first, before routers forwarded it.
func (l *log) origin(e *trace.Event) *trace.Event {
	for {
		before := l.byID[e.Cause]
		if before != nil && before.Kind == trace.Routed {
			before = l.byID[before.Cause]
		}
		if before == nil || before.Packet == nil || before.Packet.Src != e.Packet.Src || before.Packet.Protocol != e.Packet.Protocol {
			return e
		}
		e = before
	}
}

// doom reports whether the wire is to lose the packet b, which then is lost only once.
func (l *log) doom(b []byte) bool {
	k := key(b)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.doomed[k] == 0 {
		return false
	}
	l.doomed[k]--
	return true
}

// key tells packets apart by what of their headers no checksum offload changes.
func key(b []byte) string {
	const ip, tcp = 20, 36 // the IP header, and TCP's up to its window
	switch {
	case len(b) < ip:
		return string(b)
	case len(b) < tcp || b[9] != 6:
		return string(b[:10]) + string(b[12:min(len(b), ip+6)])
	}
	return string(b[:10]) + string(b[12:tcp])
}

// isLost reports whether the host's wire loses the packet that e put on it.
func (l *log) isLost(e *trace.Event) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.byEvent[e.ID]
	return p != nil && p.lost && p.sent == e
}

// since returns the events from the n-th on, and how many there are.
func (l *log) since(n int) ([]*trace.Event, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events[min(n, len(l.events)):len(l.events):len(l.events)], len(l.events)
}

// event returns an event by its number, nil if there is none.
func (l *log) event(id trace.ID) *trace.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byID[id]
}

// wire returns the packets on the host's wire so far.
func (l *log) wire() []*numbered {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.packets[:len(l.packets):len(l.packets)]
}

// packet returns the packet that e put on its way, nil if it never was on the host's wire.
func (l *log) packet(e *trace.Event) *numbered {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byEvent[e.ID]
}

// originOf is the event of the packet's being sent first, e itself if it is of no packet.
func (l *log) originOf(e *trace.Event) *trace.Event {
	if e.Packet == nil {
		return e
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.origin(e)
}

// lostEvents is how many events the log had no room for.
func (l *log) lostEvents() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.missed
}
