package dnsclient

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/counter"
)

// ServerConfig is what can be set about a server. All but the Resolver may be left out.
type ServerConfig struct {
	// Resolver answers the questions.
	Resolver Resolver
	// Allow is who may ask; others are refused. Empty, it is private, shared and
	// link-local networks, loopback, and those for benchmarks: [LocalNetworks].
	Allow []netip.Prefix
	// Rate is how many questions each client may ask over UDP in a second, 1 to
	// 1000000; 0 means 1000, negative any number. As many may come at once.
	Rate int
	// MaxQuestions is how many questions may be in the works, 1 to 65536; 0 means 1000.
	// Those that come over UDP then are dropped, over TCP they wait.
	MaxQuestions int
	// MaxConns is how many TCP connections there may be, 1 to 65536; 0 means 256. One
	// client may have a quarter of them.
	MaxConns int
	// IdleTimeout is how long a TCP connection may take for a whole question to come,
	// or an answer to go, 10 ms to 1 hour; 0 means 10 seconds.
	IdleTimeout time.Duration
	// UDPSize is the longest answer in bytes that is sent over UDP, 512 to 65535; 0
	// means [DefaultUDPSize]. One that is longer is truncated.
	UDPSize int
	// Trace is told what the resolver does, and what the server answers. May be nil.
	Trace *Trace
}

// maxQuestionLen is the longest message in bytes that is taken from a client: many
// may be in the works.
const maxQuestionLen = 4096

// LocalNetworks returns the networks that are nobody's on the Internet.
func LocalNetworks() (list []netip.Prefix) {
	for _, s := range []string{
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // RFC 1918
		"100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "198.18.0.0/15", // RFC 6890
		"::1/128", "fc00::/7", "fe80::/10",
	} {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

// Server answers questions over UDP and TCP, by asking a resolver. It is made not to
// be of use for harm: to strangers it says no, its answers over UDP are no longer than
// the client has asked for, nor more often than the rate, and what clients can make
// it hold is bounded. Its methods may be called by several goroutines.
type Server struct {
	stats ServerStats // first, for its alignment on 32-bit machines

	cfg     ServerConfig
	ctx     context.Context // ends with the server
	end     context.CancelFunc
	clients clientLimits
	slots   chan struct{} // one for each question in the works
	working sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[*held]bool
}

// NewServer returns a server, which answers once Serve or ServePacket is called. An
// error names the field of cfg that is out of range.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Resolver == nil {
		return nil, errors.New("dnsclient: ServerConfig.Resolver is nil")
	}
	if len(cfg.Allow) == 0 {
		cfg.Allow = LocalNetworks()
	}
	errs := []error{
		setInt("ServerConfig.MaxQuestions", &cfg.MaxQuestions, 1000, 1, 65536),
		setInt("ServerConfig.MaxConns", &cfg.MaxConns, 256, 1, 65536),
		setInt("ServerConfig.UDPSize", &cfg.UDPSize, DefaultUDPSize, dns.MinMsgSize, dns.MaxMsgSize),
		setTime("ServerConfig.IdleTimeout", &cfg.IdleTimeout, 10*time.Second, 10*time.Millisecond, time.Hour),
	}
	if cfg.Rate >= 0 {
		errs = append(errs, setInt("ServerConfig.Rate", &cfg.Rate, 1000, 1, 1000000))
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	s := &Server{cfg: cfg, slots: make(chan struct{}, cfg.MaxQuestions), open: map[*held]bool{}}
	s.clients.init(cfg)
	s.ctx, s.end = context.WithCancel(WithTrace(context.Background(), cfg.Trace))
	return s, nil
}

// ServerStats are a server's counters.
type ServerStats struct {
	Questions    uint64 // messages that came
	QuestionsTCP uint64 // of these over TCP

	Answers  uint64 // answers sent: records, or that there are none
	NXDomain uint64 // of these, that the name does not exist
	Stale    uint64 // of these, with what was no longer fresh

	ServFail  uint64 // errors sent: the resolver failed
	Refused   uint64 // errors sent: a stranger, or a question that is not for a resolver
	FormErr   uint64 // errors sent: the question was malformed
	NotImp    uint64 // errors sent: an operation or a type that is not done here
	Truncated uint64 // answers that were cut to what the client takes

	DropShort    uint64 // messages dropped: shorter than a header
	DropLong     uint64 // messages dropped: longer than any question, 4096 bytes
	DropResponse uint64 // messages dropped: answers to nothing
	DropRate     uint64 // messages dropped: the client asks too often
	DropBusy     uint64 // messages dropped: too many questions in the works
	RateSlipped  uint64 // messages of who asks too often, answered with no more than "ask over TCP"

	ConnsRefused uint64 // connections closed at once: the client has too many
	ConnsIdle    uint64 // connections closed: no whole question came in time
	SendErrors   uint64 // answers that could not be sent
}

// Stats returns the counters as they are now.
func (s *Server) Stats() ServerStats { return counter.Snapshot(&s.stats) }

// Close closes all sockets and connections, and returns when all that was in the
// works has ended. Serve and ServePacket return net.ErrClosed.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	var errs []error
	for h := range s.open {
		errs = append(errs, h.Close())
	}
	clear(s.open)
	s.mu.Unlock()
	s.end()
	s.working.Wait()
	return errors.Join(errs...)
}

// held is a socket or a connection that the server closes when it is closed.
type held struct{ io.Closer }

// hold notes that c is in use, until it is released; nil if the server is closed.
func (s *Server) hold(c io.Closer) *held {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	h := &held{c}
	s.open[h] = true
	s.working.Add(1)
	return h
}

// release closes what was held, unless the server has.
func (s *Server) release(h *held) {
	s.mu.Lock()
	open := s.open[h]
	delete(s.open, h)
	s.mu.Unlock()
	if open {
		_ = h.Close()
	}
	s.working.Done()
}

// admitted reports whether a client may ask.
func (s *Server) admitted(client netip.AddrPort) bool {
	for _, p := range s.cfg.Allow {
		if p.Contains(client.Addr()) {
			return true
		}
	}
	return false
}

// clientOf is the address and port in a, without IPv6's clothes.
func clientOf(a net.Addr) netip.AddrPort {
	if p, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		ap := p.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
	}
	return netip.AddrPort{}
}
