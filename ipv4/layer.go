package ipv4

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tinystack/tinystack/internal/random"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// The protocols that the layer itself must know.
const (
	protocolICMP = 1
	protocolTCP  = 6
	protocolUDP  = 17
)

// Config is how a [Layer] behaves. Its zero value is a host with the defaults.
type Config struct {
	// Forward makes it a router: packets for others are forwarded between interfaces.
	Forward bool
	// TTL is the time to live of packets sent, in hops: 1 to 255. 0: 64 (RFC 1122 3.2.1.7).
	TTL int
	// ReassemblyTimeout is how long fragments wait for the rest of their datagram:
	// 1 ms to 10 min. 0: 30 s, which is what Linux takes; RFC 1122 3.3.2 says 60 to
	// 120 s, in which a fast sender uses each identification many times over (RFC 4963).
	ReassemblyTimeout time.Duration
	// ReassemblyMemory bounds, in bytes, what waiting fragments take: from 128 KiB,
	// which is one datagram with what it costs to keep, to 1 GiB. 0: 4 MiB. Negative:
	// fragments are dropped.
	ReassemblyMemory int
	// ICMPRate is the most ICMP errors sent each second (RFC 1812 4.3.2.8): 1 to 10⁶.
	// One destination gets a tenth of it. 0: 1000. Negative: no limit.
	ICMPRate int
	// Rand is what the layer draws from, in New, to choose identifications, for a run that
	// can be repeated. nil: nobody can guess them.
	Rand rand.Source
	// Trace is where the layer's events happen. nil: nobody is told.
	Trace *trace.Node
}

// Defaults and ranges of Config.
const (
	defaultTTL           = 64
	defaultReasmTimeout  = 30 * time.Second
	minReasmTimeout      = time.Millisecond
	maxReasmTimeout      = 10 * time.Minute
	defaultReasmMemory   = 4 << 20
	minReasmMemory       = 128 << 10
	maxReasmMemory       = 1 << 30
	defaultICMPRate      = 1000
	maxICMPRate          = 1_000_000
	peersShareOfICMPRate = 10
)

// withDefaults returns c with its zero fields filled in, or what is out of range.
func (c Config) withDefaults() (Config, error) {
	if c.TTL == 0 {
		c.TTL = defaultTTL
	}
	if c.ReassemblyTimeout == 0 {
		c.ReassemblyTimeout = defaultReasmTimeout
	}
	if c.ReassemblyMemory == 0 {
		c.ReassemblyMemory = defaultReasmMemory
	}
	if c.ICMPRate == 0 {
		c.ICMPRate = defaultICMPRate
	}
	switch {
	case c.TTL < 1 || c.TTL > 255:
		return c, fmt.Errorf("ipv4: Config.TTL is %d, not 1 to 255", c.TTL)
	case c.ReassemblyTimeout < minReasmTimeout || c.ReassemblyTimeout > maxReasmTimeout:
		return c, fmt.Errorf("ipv4: Config.ReassemblyTimeout is %v, not %v to %v", c.ReassemblyTimeout, minReasmTimeout, maxReasmTimeout)
	case c.ReassemblyMemory > 0 && c.ReassemblyMemory < minReasmMemory || c.ReassemblyMemory > maxReasmMemory:
		return c, fmt.Errorf("ipv4: Config.ReassemblyMemory is %d bytes, not %d to %d", c.ReassemblyMemory, minReasmMemory, maxReasmMemory)
	case c.ICMPRate > maxICMPRate:
		return c, fmt.Errorf("ipv4: Config.ICMPRate is %d, above %d", c.ICMPRate, maxICMPRate)
	}
	return c, nil
}

// Handler is a transport protocol. Its methods are called by the goroutines that
// call [Layer.Input], and must not wait for them.
type Handler interface {
	// Receive takes a packet for this host. in is the caller's; to keep its
	// memory there is in.Take.
	Receive(in *packet.In)
	// Control takes an ICMP error about a packet that this host may have sent. c
	// and what it points to are the caller's.
	Control(c *packet.Control)
}

// Layer is the IPv4 of one host or router. Its methods may be called by any
// number of goroutines.
type Layer struct {
	stats     Stats
	icmpStats ICMPStats
	config    Config
	random    *random.Source
	trace     *trace.Node

	mu     sync.Mutex // held to replace table
	closed bool
	table  atomic.Pointer[table]

	handlers [256]atomic.Pointer[Handler]
	reasm    reassembler
	pmtus    pmtuCache
	ids      identifier
	limit    limiter
	echoes   echoTable
}

// New makes a layer without interfaces. It fails if a value in config is out of
// range.
func New(config Config) (*Layer, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Layer{config: config, random: random.New(config.Rand), trace: config.Trace}
	l.table.Store(&table{hosts: map[uint32]hostKind{}, addrs: map[*Interface][]netip.Prefix{}})
	l.reasm.init(l, config)
	l.pmtus.init()
	l.ids.init(l.random)
	l.limit.init(config.ICMPRate, l.random)
	l.echoes.init()
	return l, nil
}

// Handle makes h the handler of a protocol, in place of the one before; nil is
// none. ICMP (1) is the layer's own: its handler gets nothing.
func (l *Layer) Handle(protocol uint8, h Handler) {
	if h == nil {
		l.handlers[protocol].Store(nil)
		return
	}
	l.handlers[protocol].Store(&h)
}

// Close removes all interfaces, drops the fragments that wait for others, stops
// all timers and fails what waits in [Echo.Ping]. Routes in use give ENETUNREACH
// from then on. The devices stay open.
func (l *Layer) Close() {
	l.mu.Lock()
	old := l.table.Load()
	for _, i := range old.ifaces {
		i.gone.Store(true)
	}
	l.closed = true
	l.table.Store(&table{})
	l.mu.Unlock()
	l.reasm.close()
	l.pmtus.close()
	l.echoes.close()
}

// change replaces the table by one that f changed, unless f fails.
func (l *Layer) change(f func(*table) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return syscall.ENETDOWN
	}
	t := l.table.Load().clone()
	if err := f(t); err != nil {
		return err
	}
	l.table.Store(t)
	return nil
}

// IsLocal reports whether addr is one of this host's own addresses. With a
// loopback interface, all of 127.0.0.0/8 are.
func (l *Layer) IsLocal(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.Is4() && l.table.Load().kind(bits4(addr)) == hostLocal
}
