package stack

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/tcp"
	"github.com/tinystack/tinystack/trace"
	"github.com/tinystack/tinystack/udp"
)

// loopbackPrefix is the address of the loopback interface.
var loopbackPrefix = netip.MustParsePrefix("127.0.0.1/8")

// Stack is a host on one or more networks. Its methods may be called by several
// goroutines.
type Stack struct {
	ip    *ipv4.Layer
	tcp   *tcp.Layer
	udp   *udp.Layer
	log   *slog.Logger
	trace *trace.Node

	mu         sync.Mutex
	resolver   Resolver
	interfaces []*Interface // in the order they were added
	closed     bool
}

// New returns a stack with a loopback interface only. An error names the field of
// cfg that is out of range.
func New(cfg Config) (*Stack, error) {
	if cfg.Trace != nil {
		cfg.IP.Trace, cfg.TCP.Trace, cfg.UDP.Trace = cfg.Trace, cfg.Trace, cfg.Trace
	}
	if cfg.Rand != nil {
		cfg.IP.Rand, cfg.TCP.Rand, cfg.UDP.Rand = cfg.Rand, cfg.Rand, cfg.Rand
	}
	ip, err := ipv4.New(cfg.IP)
	if err != nil {
		return nil, err
	}
	t, err := tcp.New(ip, cfg.TCP)
	if err != nil {
		return nil, err
	}
	u, err := udp.New(ip, cfg.UDP)
	if err != nil {
		return nil, err
	}
	s := &Stack{ip: ip, tcp: t, udp: u, resolver: cfg.Resolver, log: cfg.Logger, trace: cfg.Trace}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	ip.Handle(tcp.Protocol, t)
	ip.Handle(udp.Protocol, u)
	if err := s.AddInterface(link.Loopback(), loopbackPrefix); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends all connections and listeners, which unblocks their callers, closes
// the devices and frees what the stack holds. When it returns, the stack's
// goroutines have ended. A second call returns net.ErrClosed.
func (s *Stack) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("stack: %w", net.ErrClosed)
	}
	s.closed = true
	interfaces := slices.Clone(s.interfaces)
	s.mu.Unlock()

	errs := []error{s.tcp.Close(), s.udp.Close()} // while there are devices to say goodbye through
	s.ip.Close()
	for _, i := range interfaces {
		errs = append(errs, i.close())
	}
	for _, i := range interfaces {
		<-i.done
	}
	return errors.Join(errs...)
}
