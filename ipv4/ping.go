package ipv4

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// Sizes of an echo request's data, in bytes.
const (
	defaultEchoSize = 56
	maxEchoSize     = packet.MaxSize - minHeaderLen - icmpHeaderLen
)

// EchoRequest is an ICMP echo request to send. Its zero fields take the defaults.
type EchoRequest struct {
	Local  netip.Addr // zero: selected, as in [Layer.Route]
	Remote netip.Addr
	TTL    int  // hops: 1 to 255; 0: the layer's
	TOS    int  // 0 to 255
	DF     bool // don't fragment
	Size   int  // bytes of data: up to 65507; 0: 56; negative: none
}

// EchoReply is the answer to an echo request: the reply, or an ICMP error from a
// host or router on the way.
type EchoReply struct {
	From netip.Addr    // who answered
	Type uint8         // ICMP type: 0 is the reply; 3, 11 and 12 are errors
	Code uint8         // ICMP code of an error
	MTU  int           // bytes that the next hop takes, where fragmentation was needed; else 0
	Seq  uint16        // the request's sequence number
	TTL  uint8         // of the answer, as it came in
	Size int           // bytes of the ICMP message that came in
	RTT  time.Duration // from Send to the answer
	Err  error         // nil for the reply; else the syscall.Errno that Linux reports
}

// Echo is a socket for ICMP echo: it has an identifier of its own, and numbers
// its requests from 1.
type Echo struct {
	layer *Layer
	id    uint16

	mu      sync.Mutex
	closed  bool
	seq     uint16
	waiting map[uint16]*echoWait // by sequence number
	done    chan struct{}        // closed by Close
}

// echoWait is a request on its way.
type echoWait struct {
	route packet.Route
	data  []byte
	sent  time.Time
	reply chan EchoReply // holds one
}

// echoTable finds the socket that an answer is for.
type echoTable struct {
	mu     sync.Mutex
	closed bool
	byID   map[uint16]*Echo
}

func (t *echoTable) init() { t.byID = map[uint16]*Echo{} }

// maxEchoes bounds the sockets, so that a free identifier is found soon.
const maxEchoes = 1 << 15

// ListenEcho opens a socket for ICMP echo, with a random identifier. It fails with
// EADDRINUSE if there are 32768 already, net.ErrClosed after Close.
func (l *Layer) ListenEcho() (*Echo, error) {
	t := &l.echoes
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return nil, fmt.Errorf("ipv4: listen for echo replies: %w", net.ErrClosed)
	case len(t.byID) >= maxEchoes:
		return nil, fmt.Errorf("ipv4: listen for echo replies: %w", syscall.EADDRINUSE)
	}
	id := uint16(l.random.Uint64())
	for t.byID[id] != nil {
		id++
	}
	e := &Echo{layer: l, id: id, waiting: map[uint16]*echoWait{}, done: make(chan struct{})}
	t.byID[id] = e
	return e, nil
}

// Ping sends one echo request and waits for its answer, or until ctx is done; it
// is [Echo.Ping] on a socket for this one request.
func (l *Layer) Ping(ctx context.Context, r EchoRequest) (EchoReply, error) {
	e, err := l.ListenEcho()
	if err != nil {
		return EchoReply{}, err
	}
	defer e.Close()
	return e.Ping(ctx, r)
}

// Ping sends an echo request and waits for its answer, or until ctx is done; many
// goroutines may do so at a time. An ICMP error is an answer too: then the reply
// has it, and the error is nil. The error is ctx's, net.ErrClosed, or says why
// the request could not be sent: a syscall.Errno, as [Layer.Route] gives them, and
// EMSGSIZE for one that is too large to go with DF. The reply has Seq, unless there is no route.
func (e *Echo) Ping(ctx context.Context, r EchoRequest) (EchoReply, error) {
	seq, reply, err := e.ping(ctx, r)
	if err != nil {
		return EchoReply{Seq: seq}, fmt.Errorf("ipv4: ping %v: %w", r.Remote, err)
	}
	return reply, nil
}

func (e *Echo) ping(ctx context.Context, r EchoRequest) (seq uint16, reply EchoReply, err error) {
	if err := r.check(); err != nil {
		return 0, reply, err
	}
	route, err := e.layer.Route(r.Local, r.Remote)
	if err != nil {
		return 0, reply, err
	}
	w := &echoWait{route: route, data: r.data(), sent: time.Now(), reply: make(chan EchoReply, 1)}
	seq, err = e.register(w)
	if err != nil {
		return 0, reply, err
	}
	defer e.unregister(seq)
	if err := e.send(ctx, r, seq, w); err != nil {
		return seq, reply, err
	}
	select {
	case reply = <-w.reply:
		return seq, reply, nil
	case <-ctx.Done():
		return seq, reply, ctx.Err()
	case <-e.done:
		return seq, reply, net.ErrClosed
	}
}

// check reports which field of r is out of range.
func (r *EchoRequest) check() error {
	switch {
	case r.TTL < 0 || r.TTL > 255:
		return fmt.Errorf("field TTL is %d, not 0 to 255: %w", r.TTL, syscall.EINVAL)
	case r.TOS < 0 || r.TOS > 255:
		return fmt.Errorf("field TOS is %d, not 0 to 255: %w", r.TOS, syscall.EINVAL)
	case r.Size > maxEchoSize:
		return fmt.Errorf("field Size is %d, above %d: %w", r.Size, maxEchoSize, syscall.EMSGSIZE)
	}
	return nil
}

// data returns the data to send: what comes back must be the same.
func (r *EchoRequest) data() []byte {
	n := r.Size
	if n == 0 {
		n = defaultEchoSize
	}
	b := make([]byte, max(n, 0))
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// register gives w the next sequence number that nobody waits for.
func (e *Echo) register(w *echoWait) (seq uint16, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return 0, net.ErrClosed
	}
	if len(e.waiting) > 1<<15 {
		return 0, syscall.ENOBUFS
	}
	e.seq++
	for e.waiting[e.seq] != nil {
		e.seq++
	}
	e.waiting[e.seq] = w
	return e.seq, nil
}

func (e *Echo) unregister(seq uint16) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.waiting, seq)
}

func (e *Echo) send(ctx context.Context, r EchoRequest, seq uint16, w *echoWait) error {
	p := packet.NewOut()
	defer p.Release()
	p.TTL, p.TOS, p.DF = uint8(r.TTL), uint8(r.TOS), r.DF
	p.Body[0] = w.data
	p.Mark.Cause, p.Mark.Rule = e.asked(ctx, w.route, seq), ruleEcho
	p.Protocol = protocolICMP
	icmpHeader{typ: icmpEcho, rest: uint32(e.id)<<16 | uint32(seq)}.prepend(p)
	counter.Inc(&e.layer.icmpStats.OutMsgs)
	counter.Inc(&e.layer.icmpStats.OutEchos)
	return w.route.Send(p)
}

// asked tells of a call of Ping and of the route that it takes.
func (e *Echo) asked(ctx context.Context, r packet.Route, seq uint16) trace.ID {
	l := e.layer
	if !l.trace.On() {
		return 0
	}
	text := fmt.Sprintf("%v, request %d", r.Remote(), seq)
	call := l.trace.Emit(trace.Event{Kind: trace.Call, Cause: trace.Cause(ctx), Name: "ping", Text: text})
	return l.trace.Emit(trace.Event{
		Kind: trace.Routed, Cause: call, Rule: ruleRoute, Route: l.table.Load().choice(r.Remote()),
	})
}

// Close ends the socket. Calls of Ping that wait return net.ErrClosed.
func (e *Echo) Close() {
	t := &e.layer.echoes
	t.mu.Lock()
	if t.byID[e.id] == e {
		delete(t.byID, e.id)
	}
	t.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.closed = true
		close(e.done)
	}
}

// waiter returns who waits for an answer to the request, or nil.
func (t *echoTable) waiter(id, seq uint16) *echoWait {
	t.mu.Lock()
	e := t.byID[id]
	t.mu.Unlock()
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.waiting[seq]
}

// reply takes an echo reply, and reports whether somebody waits for it.
func (t *echoTable) reply(in *packet.In, h icmpHeader, data []byte) bool {
	seq := uint16(h.rest)
	w := t.waiter(uint16(h.rest>>16), seq)
	if w == nil || w.route.Remote() != in.Src || !bytes.Equal(w.data, data) {
		return false
	}
	return w.answer(in, h, EchoReply{Seq: seq})
}

// control takes an ICMP error about an ICMP message of this host, and reports
// whether somebody waits for it.
func (t *echoTable) control(in *packet.In, h icmpHeader, c *packet.Control) bool {
	id, seq, ok := echoOf(c)
	if !ok {
		return false
	}
	w := t.waiter(id, seq)
	if w == nil || w.route.Remote() != c.Remote {
		return false
	}
	if c.MTU != 0 {
		w.route.LowerMTU(c.MTU)
	}
	return w.answer(in, h, EchoReply{Seq: seq, MTU: c.MTU, Err: c.Err})
}

// answer ends the wait with r, unless another answer did.
func (w *echoWait) answer(in *packet.In, h icmpHeader, r EchoReply) bool {
	r.From, r.Type, r.Code, r.TTL = in.Src, h.typ, h.code, in.TTL
	r.Size, r.RTT = len(in.Payload), time.Since(w.sent)
	select {
	case w.reply <- r:
		return true
	default:
		return false
	}
}

func (t *echoTable) close() {
	t.mu.Lock()
	t.closed = true
	all := make([]*Echo, 0, len(t.byID))
	for _, e := range t.byID {
		all = append(all, e)
	}
	t.mu.Unlock()
	for _, e := range all {
		e.Close()
	}
}
