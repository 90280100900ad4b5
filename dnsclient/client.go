package dnsclient

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/internal/random"
)

// DefaultUDPSize is the longest answer over UDP that is asked for: one that no
// path is likely to fragment (RFC 9715, DNS flag day 2020).
const DefaultUDPSize = 1232

// ClientConfig is what can be set about a client. Its zero value works.
type ClientConfig struct {
	// Dialer opens the sockets; with nil they are the kernel's.
	Dialer Dialer
	// Timeout is how long to wait for the answer to a message sent, 1 ms to 1
	// minute; 0 means 5 seconds. [Query].Timeout comes before it.
	Timeout time.Duration
	// UDPSize is the longest answer in bytes that servers are told to send over
	// UDP, 512 to 65535; 0 means [DefaultUDPSize], negative that EDNS is not used.
	UDPSize int
	// Rand is what message ids are drawn from, for a run that can be repeated. With nil
	// nobody can guess them.
	Rand rand.Source
}

// Client asks one server one question at a time. Its methods may be called by
// several goroutines.
type Client struct {
	stats ClientStats // first, for its alignment on 32-bit machines

	dialer  Dialer
	timeout time.Duration
	udpSize int // 0: no EDNS
	rand    *random.Source
}

// NewClient returns a client; an error names the field of cfg that is out of range.
func NewClient(cfg ClientConfig) (*Client, error) {
	err := setTime("ClientConfig.Timeout", &cfg.Timeout, 5*time.Second, time.Millisecond, time.Minute)
	if err == nil && cfg.UDPSize >= 0 {
		err = setInt("ClientConfig.UDPSize", &cfg.UDPSize, DefaultUDPSize, dns.MinMsgSize, dns.MaxMsgSize)
	}
	if err != nil {
		return nil, err
	}
	if cfg.Dialer == nil {
		cfg.Dialer = &net.Dialer{}
	}
	return &Client{dialer: cfg.Dialer, timeout: cfg.Timeout, udpSize: max(cfg.UDPSize, 0), rand: random.New(cfg.Rand)}, nil
}

// id returns a message id that is not to be guessed (RFC 5452 9.2).
func (c *Client) id() uint16 { return uint16(c.rand.Uint64()) }

// ClientStats are a client's counters.
type ClientStats struct {
	Questions    uint64 // messages sent, each over UDP or TCP
	QuestionsTCP uint64 // of these over TCP
	Answers      uint64 // answers accepted, errors and truncated ones included
	Truncated    uint64 // answers that were truncated, so that TCP was used
	EDNSRefused  uint64 // answers after which the question was asked without EDNS
	Timeouts     uint64 // questions whose answer did not come in time
	Failures     uint64 // questions that failed otherwise: no socket, refused, reset

	// Why messages that arrived were dropped; see [DropReason].
	DropShort     uint64
	DropQuery     uint64
	DropID        uint64
	DropOpcode    uint64
	DropQuestion  uint64
	DropMalformed uint64
}

// Stats returns the counters as they are now.
func (c *Client) Stats() ClientStats { return counter.Snapshot(&c.stats) }

// Query is a question and how to ask it.
type Query struct {
	// Question is a name, a type and a class; a class of 0 is IN. The name is taken
	// as fully qualified.
	Question dns.Question
	// Recursion asks the server to find what it does not know (RD).
	Recursion bool
	// CheckingDisabled asks it not to validate (CD), AuthenticData to say whether it
	// did (AD), DNSSEC to send the signatures (DO).
	CheckingDisabled, AuthenticData, DNSSEC bool
	// TCP asks over TCP from the start.
	TCP bool
	// NoEDNS asks without EDNS.
	NoEDNS bool
	// KeepTruncated returns a truncated answer in place of asking over TCP.
	KeepTruncated bool
	// Timeout is for each message sent; 0: the client's.
	Timeout time.Duration
	// UDPSize is ClientConfig.UDPSize for this query; 0: the client's.
	UDPSize int
}

// Reply is a server's answer.
type Reply struct {
	Msg     *dns.Msg
	Server  netip.AddrPort
	Network string        // "udp" or "tcp"
	RTT     time.Duration // from the message sent to its answer
	Size    int           // bytes of the message
	EDNS    bool          // it was asked with EDNS
	At      time.Time     // when it arrived
}

// Exchange asks a server a question and returns its answer, of whatever response
// code. If the server does not know EDNS it is asked again without, and if the
// answer is truncated, over TCP. What arrives and is not the answer is dropped, and
// the wait goes on. Errors are *net.DNSError, temporary all.
func (c *Client) Exchange(ctx context.Context, server netip.AddrPort, q Query) (*Reply, error) {
	if _, err := CanonicalName(q.Question.Name); err != nil {
		return nil, err
	}
	q.Question.Name = dns.Fqdn(q.Question.Name) // in the case it has: it is what the server will show
	q.Question.Qclass = cmp.Or(q.Question.Qclass, dns.ClassINET)
	q.NoEDNS = q.NoEDNS || c.udpSize == 0
	q.UDPSize = cmp.Or(q.UDPSize, c.udpSize)
	q.Timeout = cmp.Or(q.Timeout, c.timeout)
	return c.exchange(ctx, server, q)
}

// exchange asks, at most once more without EDNS and at most once more over TCP.
func (c *Client) exchange(ctx context.Context, server netip.AddrPort, q Query) (*Reply, error) {
	for {
		r, err := c.ask(ctx, server, q)
		switch {
		case err != nil:
			return nil, err
		case !q.NoEDNS && refusesEDNS(r.Msg):
			counter.Inc(&c.stats.EDNSRefused)
			traceOf(ctx).retry(RetryEvent{q.Question, server, RetryWithoutEDNS})
			q.NoEDNS = true
		case !q.TCP && r.Msg.Truncated && !q.KeepTruncated:
			counter.Inc(&c.stats.Truncated)
			traceOf(ctx).retry(RetryEvent{q.Question, server, RetryOverTCP})
			q.TCP = true // RFC 7766 5
		default:
			return r, nil
		}
	}
}
