package tcp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/packet"
)

// The conversations' addresses. Paths have an MTU of 1040 bytes, so that a
// segment without options takes 1000.
var (
	hostAddr  = netip.MustParseAddr("192.0.2.1")
	otherAddr = netip.MustParseAddr("192.0.2.2") // the host's, too
	peerAddr  = netip.MustParseAddr("198.51.100.1")
	hostPort  = netip.AddrPortFrom(hostAddr, 80)
	peerPort  = netip.AddrPortFrom(peerAddr, 40000)
)

const (
	testMTU = 1040
	testMSS = 1000
)

// fakeNet is the network below the layer: a recorder of what is sent.
type fakeNet struct {
	t *testing.T

	mu       sync.Mutex
	mtu      int
	lowered  int // by LowerMTU; 0: not
	features packet.Features
	noRoute  error
	sent     []sentSegment
}

// sentSegment is a segment as it left.
type sentSegment struct {
	Header
	local, remote netip.Addr
	data          []byte
	size          int // of each piece, if it was a super-segment
	df            bool
	ecn           uint8 // the IP header's
}

func (n *fakeNet) IsLocal(a netip.Addr) bool { return a == hostAddr || a == otherAddr }

func (n *fakeNet) Route(local, remote netip.Addr) (packet.Route, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.noRoute != nil {
		return nil, n.noRoute
	}
	if !local.IsValid() {
		local = hostAddr
	}
	return &fakeRoute{n, local, remote}, nil
}

type fakeRoute struct {
	n             *fakeNet
	local, remote netip.Addr
}

func (r *fakeRoute) Local() netip.Addr  { return r.local }
func (r *fakeRoute) Remote() netip.Addr { return r.remote }

func (r *fakeRoute) MTU() int {
	r.n.mu.Lock()
	defer r.n.mu.Unlock()
	if r.n.lowered != 0 {
		return min(r.n.mtu, r.n.lowered)
	}
	return r.n.mtu
}

func (r *fakeRoute) LowerMTU(mtu int) {
	r.n.mu.Lock()
	defer r.n.mu.Unlock()
	r.n.lowered = max(mtu, 552)
}

func (r *fakeRoute) Features() packet.Features {
	r.n.mu.Lock()
	defer r.n.mu.Unlock()
	return r.n.features
}

func (r *fakeRoute) Send(p *packet.Out) error {
	mtu := r.MTU()
	r.n.mu.Lock()
	defer r.n.mu.Unlock()
	s := r.n.check(p, r.local, r.remote)
	if wire := p.Len() - p.BodyLen() + min(p.BodyLen(), max(s.size, p.BodyLen()*btoi(s.size == 0))); wire > mtu-20 {
		return syscall.EMSGSIZE
	}
	r.n.sent = append(r.n.sent, s)
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// check reads a packet back, by our parser and by gopacket's, and checks what
// every packet must have: the checksum's partial sum, and offload fields that fit.
func (n *fakeNet) check(p *packet.Out, local, remote netip.Addr) sentSegment {
	b := p.AppendTo(nil)
	h, data, err := Parse(b)
	if err != nil || h.Options.Malformed {
		n.t.Errorf("sent a malformed segment: %v, % x", err, b)
		return sentSegment{}
	}
	if p.Protocol != Protocol || p.Csum != packet.CsumPartial || p.CsumOffset != checksumOffset {
		n.t.Errorf("sent with protocol %d, offload %+v", p.Protocol, p.Offload)
	}
	var pseudo checksum.Sum
	pseudo.AddPseudo(local, remote, Protocol, len(b))
	if h.Checksum != pseudo.Fold() {
		n.t.Errorf("sent with a partial checksum of %#x, want %#x", h.Checksum, pseudo.Fold())
	}
	s := sentSegment{Header: h, local: local, remote: remote, data: slices.Clone(data), df: p.DF, ecn: p.TOS & ecnMask}
	if p.GSO == packet.GSOTCP {
		s.size = int(p.SegSize)
	}
	if (p.GSO == packet.GSOTCP) != (s.size > 0) || (s.size > 0 && len(data) <= s.size) {
		n.t.Errorf("sent %d bytes with offload %+v", len(data), p.Offload)
	}
	n.secondOpinion(b, &s)
	return s
}

// secondOpinion has gopacket read the same.
func (n *fakeNet) secondOpinion(b []byte, s *sentSegment) {
	var g layers.TCP
	if err := g.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil {
		n.t.Errorf("gopacket: %v: % x", err, b)
		return
	}
	flags := g.Contents[13]
	if uint16(g.SrcPort) != s.SrcPort || uint16(g.DstPort) != s.DstPort || Seq(g.Seq) != s.Seq ||
		Seq(g.Ack) != s.Ack || Flags(flags) != s.Flags || g.Window != s.Window || len(g.Payload) != len(s.data) {
		n.t.Errorf("gopacket reads %+v, we wrote %+v", g, s.Header)
	}
	var o Options
	for _, opt := range g.Options {
		if opt.OptionType != layers.TCPOptionKindNop && opt.OptionType != layers.TCPOptionKindEndList {
			o.parseOne(byte(opt.OptionType), opt.OptionData)
		}
	}
	if o != s.Options {
		n.t.Errorf("gopacket reads options %+v, we wrote %+v", o, s.Options)
	}
}

// set changes the network.
func (n *fakeNet) set(change func(n *fakeNet)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(n)
}

// next takes the oldest segment not looked at yet.
func (n *fakeNet) next() (s sentSegment, ok bool) {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.sent) == 0 {
		return s, false
	}
	s = n.sent[0]
	n.sent = n.sent[1:]
	return s, true
}

// setup is what a conversation starts from. The zero value is an active open to
// a peer that announces an MSS of 1000 and nothing else.
type setup struct {
	passive  bool // a listener accepts
	cfg      Config
	noSACK   bool // the peer's SYN has no SACK-permitted
	ts       bool // the peer's SYN has timestamps
	ecn      bool // the peer's SYN asks for ECN, or agrees to it
	scale    int  // the peer's window scale; 0: none, negative: a scale of zero
	mss      int  // the peer's; 0: 1000, negative: no option
	wnd      int  // the peer's window, in bytes; 0: 65535 (scaled, if it scales), negative: zero
	mtu      int  // 0: 1040
	tso      bool
	delay    time.Duration // of the peer's answer to the SYN
	peerISN  Seq           // 0: one that wraps soon
	peerTS   uint32        // start of the peer's timestamp clock; 0: one that wraps soon
	noDelAck bool          // every segment is acknowledged at the end of its batch
}

// testConn is a conversation between a peer, played by the test, and a
// connection. Sequence numbers count from the SYN, which is at 0 in both directions.
type testConn struct {
	t     *testing.T
	setup setup
	net   *fakeNet
	layer *Layer
	ln    *Listener
	conn  *Conn

	local, remote netip.AddrPort
	iss           Seq // the peer's
	irs           Seq // ours, as the peer learned it
	start         time.Time
	lastTSVal     uint32 // the last one sent to the peer
	tsOn          bool   // put timestamps on what is injected
	written       int64  // by us, in bytes
	readPos       int64  // bytes read
	batch         bool   // the batch does not end with each segment
	in            packet.In
}

// seg is a segment in the words of a test: sent, or wanted.
type seg struct {
	flags Flags // 0: ACK. PSH is not compared
	raw   bool  // flags is as it is, even 0
	seq   int
	ack   int
	n     int      // bytes of data; their content follows from their position
	wnd   int      // in bytes. sent: 0 is the setup's, negative is zero. wanted: 0 is any, negative is zero
	sack  [][2]int // blocks
	size  int      // wanted: of the pieces of a super-segment
	opts  *Options // sent: in place of those made of the above. wanted: all, compared
	ts    *uint32  // TSval sent, in place of the clock's
	noTS  bool     // sent: without the timestamps agreed on
	ecn   uint8    // the IP header's ECN field
}

// streamByte is the byte at a position in either stream.
func streamByte(pos int) byte { return byte(pos*7 ^ pos>>8 ^ pos>>16) }

func streamBytes(pos, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = streamByte(pos + i)
	}
	return b
}

// newTestLayer makes a layer on a network that records.
func newTestLayer(t *testing.T, s setup) *testConn {
	t.Helper()
	if s.mtu == 0 {
		s.mtu = testMTU
	}
	if s.peerISN == 0 {
		s.peerISN = 0xffffff00
	}
	if s.peerTS == 0 {
		s.peerTS = 0xffffff00
	}
	if s.cfg.Congestion == "" {
		s.cfg.Congestion = Reno
	}
	if s.cfg.KeepAlive == 0 {
		s.cfg.KeepAlive = -1
	}
	if s.noDelAck {
		s.cfg.DelayedAck = -1
	}
	n := &fakeNet{t: t, mtu: s.mtu, features: packet.TxChecksum}
	if s.tso {
		n.features |= packet.TSO
	}
	l, err := New(n, s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &testConn{
		t: t, setup: s, net: n, layer: l, iss: s.peerISN, start: time.Now(),
		local: hostPort, remote: peerPort,
	}
}

// newTestConn makes a connection in ESTABLISHED.
func newTestConn(t *testing.T, s setup) *testConn {
	t.Helper()
	tc := newTestLayer(t, s)
	if s.passive {
		tc.listen(hostPort)
		tc.acceptHandshake()
	} else {
		tc.dialHandshake()
	}
	return tc
}

func (tc *testConn) listen(a netip.AddrPort) {
	tc.t.Helper()
	ln, err := tc.layer.Listen(a)
	if err != nil {
		tc.t.Fatal(err)
	}
	tc.ln = ln
}

// acceptHandshake is the three-way handshake that the peer begins.
func (tc *testConn) acceptHandshake() {
	tc.t.Helper()
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	time.Sleep(tc.setup.delay)
	tc.inject(seg{seq: 1, ack: 1})
	tc.accept()
	tc.wantIdle("the handshake is done")
}

func (tc *testConn) accept() {
	tc.t.Helper()
	c, err := tc.ln.AcceptTCP()
	if err != nil {
		tc.t.Fatal(err)
	}
	tc.conn = c
}

// dialing is a Dial under way.
type dialing struct {
	conn *Conn
	err  error
	done chan struct{}
}

func (tc *testConn) dial(ctx context.Context) *dialing {
	d := &dialing{done: make(chan struct{})}
	go func() {
		defer close(d.done)
		d.conn, d.err = tc.layer.Dial(ctx, netip.AddrPort{}, tc.remote)
	}()
	return d
}

// wait returns the outcome, which must be there.
func (d *dialing) wait(t *testing.T) (*Conn, error) {
	t.Helper()
	synctest.Wait()
	select {
	case <-d.done:
	default:
		t.Fatal("Dial still waits")
	}
	return d.conn, d.err
}

func (d *dialing) wantWaiting(t *testing.T) {
	t.Helper()
	synctest.Wait()
	select {
	case <-d.done:
		t.Fatalf("Dial ended: %v", d.err)
	default:
	}
}

// dialHandshake is the three-way handshake that we begin.
func (tc *testConn) dialHandshake() {
	tc.t.Helper()
	d := tc.dial(context.Background())
	tc.wantSYN("SYN")
	time.Sleep(tc.setup.delay)
	tc.injectSYNACK()
	tc.want("the handshake's last ACK", seg{seq: 1, ack: 1})
	c, err := d.wait(tc.t)
	if err != nil {
		tc.t.Fatal(err)
	}
	tc.conn = c
}

// synOptions are what the peer offers.
func (tc *testConn) synOptions() *Options {
	s := &tc.setup
	o := &Options{MSS: testMSS, SACKPermitted: !s.noSACK}
	switch {
	case s.mss > 0:
		o.MSS = uint16(s.mss)
	case s.mss < 0:
		o.MSS = 0
	}
	if s.scale != 0 {
		o.HasWindowScale, o.WindowScale = true, uint8(max(0, s.scale))
	}
	if s.ts {
		o.HasTimestamps = true
		o.TSVal = tc.peerTS()
		o.TSEcr = tc.lastTSVal
	}
	return o
}

// peerTS is the peer's timestamp clock: milliseconds.
func (tc *testConn) peerTS() uint32 {
	return tc.setup.peerTS + uint32(time.Since(tc.start).Milliseconds())
}

func (tc *testConn) injectSYN() {
	flags := SYN
	if tc.setup.ecn {
		flags |= ECE | CWR
	}
	tc.inject(seg{flags: flags, opts: tc.synOptions()})
}

func (tc *testConn) injectSYNACK() {
	flags := SYN | ACK
	if tc.setup.ecn {
		flags |= ECE
	}
	tc.inject(seg{flags: flags, ack: 1, opts: tc.synOptions()})
	tc.tsOn = tc.setup.ts
}

// wantSYN takes our SYN, and learns from it.
func (tc *testConn) wantSYN(name string) Options {
	tc.t.Helper()
	s := tc.take(name)
	flags := SYN
	if tc.setup.cfg.ECN == ECNOn {
		flags |= ECE | CWR
	}
	if s.Flags != flags || s.ecn != notECT || len(s.data) != 0 || s.remote != tc.remote.Addr() || s.DstPort != tc.remote.Port() {
		tc.t.Fatalf("%s: got %v", name, tc.describe(&s))
	}
	tc.irs = s.Seq
	tc.local = netip.AddrPortFrom(s.local, s.SrcPort)
	return s.Options
}

// wantSYNACK takes our SYN-ACK, and learns from it.
func (tc *testConn) wantSYNACK(name string) Options {
	tc.t.Helper()
	s := tc.take(name)
	flags := SYN | ACK
	if tc.setup.ecn && tc.setup.cfg.ECN != ECNOff {
		flags |= ECE
	}
	if s.Flags != flags || s.ecn != notECT || len(s.data) != 0 || s.Ack != tc.iss+1 {
		tc.t.Fatalf("%s: got %v", name, tc.describe(&s))
	}
	tc.irs = s.Seq
	tc.tsOn = s.Options.HasTimestamps
	return s.Options
}

// take takes the next segment sent.
func (tc *testConn) take(name string) sentSegment {
	tc.t.Helper()
	s, ok := tc.net.next()
	if !ok {
		tc.t.Fatalf("%s: nothing was sent", name)
	}
	if !s.df {
		tc.t.Errorf("%s: sent without DF", name)
	}
	if s.Options.HasTimestamps {
		tc.lastTSVal = s.Options.TSVal
	}
	return s
}

// want takes the next segments sent, which must be these.
func (tc *testConn) want(name string, segs ...seg) {
	tc.t.Helper()
	for i, w := range segs {
		if len(segs) > 1 {
			name = fmt.Sprintf("%s (%d)", strings.TrimSuffix(name, fmt.Sprintf(" (%d)", i)), i+1)
		}
		s := tc.take(name)
		if problem := tc.differs(&s, &w); problem != "" {
			tc.t.Fatalf("%s: %s: got %v, want %v", name, problem, tc.describe(&s), w)
		}
	}
}

// differs tells what of a segment is not as wanted.
func (tc *testConn) differs(s *sentSegment, w *seg) string {
	flags := w.flags
	if flags == 0 && !w.raw {
		flags = ACK
	}
	seq, ack := s.Seq.Sub(tc.irs), 0
	if s.Flags.Has(ACK) || (s.Flags.Has(RST) && s.Ack != 0) {
		ack = s.Ack.Sub(tc.iss)
	}
	wnd := tc.windowOf(s)
	switch {
	case s.Flags&^PSH != flags&^PSH:
		return "flags"
	case seq != w.seq:
		return "seq"
	case ack != w.ack:
		return "ack"
	case len(s.data) != w.n:
		return "length"
	case string(s.data) != string(streamBytes(w.seq, w.n)):
		return "content"
	case w.wnd > 0 && wnd != w.wnd, w.wnd < 0 && wnd != 0:
		return fmt.Sprintf("window %d", wnd)
	case w.size != s.size:
		return "size of pieces"
	case w.ecn != s.ecn:
		return fmt.Sprintf("ECN field %d", s.ecn)
	case w.opts != nil && *w.opts != s.Options:
		return fmt.Sprintf("options %+v", s.Options)
	case !slices.Equal(w.sack, tc.sackOf(s)):
		return "SACK"
	case !s.Flags.Has(RST) && !s.Flags.Has(SYN) && s.Options.HasTimestamps != tc.tsOn:
		return "timestamps"
	}
	return ""
}

func (tc *testConn) sackOf(s *sentSegment) (blocks [][2]int) {
	for _, b := range s.Options.SACK[:s.Options.NumSACK] {
		blocks = append(blocks, [2]int{b.Left.Sub(tc.iss), b.Right.Sub(tc.iss)})
	}
	return blocks
}

// windowOf is the window in bytes that a segment offers the peer.
func (tc *testConn) windowOf(s *sentSegment) int {
	wnd := int(s.Window)
	if tc.setup.scale != 0 && !s.Flags.Has(SYN) {
		wnd <<= scaleFor(tc.layer.cfg.ReceiveBuffer)
	}
	return wnd
}

func (tc *testConn) describe(s *sentSegment) string {
	return fmt.Sprintf("{%v seq %d ack %d data %d wnd %d sack %v size %d}", s.Flags,
		s.Seq.Sub(tc.irs), s.Ack.Sub(tc.iss), len(s.data), tc.windowOf(s), tc.sackOf(s), s.size)
}

func (w seg) String() string {
	return fmt.Sprintf("{%v seq %d ack %d data %d wnd %d sack %v size %d}", w.flags, w.seq, w.ack, w.n, w.wnd, w.sack, w.size)
}

// wantIdle checks that nothing more was sent.
func (tc *testConn) wantIdle(name string) {
	tc.t.Helper()
	if s, ok := tc.net.next(); ok {
		tc.t.Fatalf("%s: sent %v", name, tc.describe(&s))
	}
}

// wantAfter checks that the segments are sent after just this time, and not before.
func (tc *testConn) wantAfter(name string, d time.Duration, segs ...seg) {
	tc.t.Helper()
	time.Sleep(d - 1)
	tc.wantIdle("before " + name)
	time.Sleep(time.Nanosecond)
	tc.want(name, segs...)
}

// wantData takes segments of n bytes of data in all, from position seq on, each of a size.
func (tc *testConn) wantData(name string, seq, n, each int) {
	tc.t.Helper()
	for end := seq + n; seq < end; seq += each {
		s := tc.take(name)
		if got := s.Seq.Sub(tc.irs); got != seq || len(s.data) != min(each, end-seq) || !s.Flags.Has(ACK) {
			tc.t.Fatalf("%s: got %v, want data from %d", name, tc.describe(&s), seq)
		}
		if string(s.data) != string(streamBytes(seq, len(s.data))) {
			tc.t.Fatalf("%s: at %d is not what was written", name, seq)
		}
	}
}

// inject has the layer receive segments from the peer.
func (tc *testConn) inject(segs ...seg) {
	tc.t.Helper()
	for i := range segs {
		tc.in.TOS = segs[i].ecn
		tc.receive(tc.encode(&segs[i]), packet.Offload{})
	}
}

// injectSuper gives the connection a super-segment, of size bytes each on the wire.
func (tc *testConn) injectSuper(s seg, size uint16) {
	b := tc.encode(&s)
	b[16], b[17] = 0, 0 // the device knows that it is right
	tc.receive(b, packet.Offload{Csum: packet.CsumValid, GSO: packet.GSOTCP, SegSize: size})
}

// encode writes a segment's bytes.
func (tc *testConn) encode(s *seg) []byte {
	h := Header{
		SrcPort: tc.remote.Port(), DstPort: tc.local.Port(),
		Seq: tc.iss + Seq(s.seq), Flags: s.flags, Window: tc.windowField(s),
	}
	if h.Flags == 0 && !s.raw {
		h.Flags = ACK
	}
	if h.Flags.Has(ACK) || s.ack != 0 {
		h.Ack = tc.irs + Seq(s.ack)
	}
	switch {
	case s.opts != nil:
		h.Options = *s.opts
	default:
		tc.fillOptions(&h.Options, s)
	}
	b := h.AppendTo(nil)
	data := streamBytes(s.seq, s.n)
	if h.Flags.Has(SYN) {
		data = streamBytes(s.seq+1, s.n)
	}
	return tc.sum(append(b, data...))
}

func (tc *testConn) fillOptions(o *Options, s *seg) {
	if tc.tsOn && !s.noTS {
		o.HasTimestamps = true
		o.TSVal, o.TSEcr = tc.peerTS(), tc.lastTSVal
		if s.ts != nil {
			o.TSVal = *s.ts
		}
	}
	for i, b := range s.sack {
		o.SACK[i] = Block{tc.irs + Seq(b[0]), tc.irs + Seq(b[1])}
		o.NumSACK++
	}
}

// windowField is the header's field for the window that the peer offers.
func (tc *testConn) windowField(s *seg) uint16 {
	wnd := s.wnd
	if wnd == 0 {
		wnd = tc.setup.wnd
	}
	if wnd == 0 {
		return 65535
	}
	if tc.setup.scale > 0 && !s.flags.Has(SYN) {
		wnd >>= min(tc.setup.scale, maxWindowScale)
	}
	return uint16(min(max(0, wnd), 65535))
}

// sum completes the checksum of a segment from the peer.
func (tc *testConn) sum(b []byte) []byte {
	b[16], b[17] = 0, 0
	var sum checksum.Sum
	sum.AddPseudo(tc.remote.Addr(), tc.local.Addr(), Protocol, len(b))
	sum.Add(b)
	c := sum.Checksum()
	b[16], b[17] = byte(c>>8), byte(c)
	return b
}

// receive hands the bytes of a segment to the layer, as a device's reader does.
func (tc *testConn) receive(b []byte, o packet.Offload) {
	buf := packet.Get(len(b))
	n := copy(buf.B, b)
	tc.in.Offload = o
	tc.in.Src, tc.in.Dst = tc.remote.Addr(), tc.local.Addr()
	tc.in.Packet, tc.in.Payload = buf.B[:n], buf.B[:n]
	tc.in.Fill(buf)
	tc.layer.Receive(&tc.in)
	if !tc.batch {
		tc.in.EndBatch()
	}
	if buf := tc.in.Take(); buf != nil {
		clear(buf.B) // nobody may still look at it
		buf.Release()
	}
}

// write writes n bytes; the call must not have to wait.
func (tc *testConn) write(n int) {
	tc.t.Helper()
	m, err := tc.conn.Write(streamBytes(int(tc.written)+1, n))
	if m != n || err != nil {
		tc.t.Fatalf("Write = %d, %v", m, err)
	}
	tc.written += int64(n)
}

// read reads n bytes that must be there.
func (tc *testConn) read(n int) {
	tc.t.Helper()
	b := make([]byte, n)
	for got := 0; got < n; {
		tc.wantReadable()
		m, err := tc.conn.Read(b[got:])
		if err != nil {
			tc.t.Fatalf("Read after %d bytes: %v", got, err)
		}
		got += m
	}
	if string(b) != string(streamBytes(int(tc.readPos)+1, n)) {
		tc.t.Fatalf("what was read at %d is not what was sent", tc.readPos+1)
	}
	tc.readPos += int64(n)
}

// wantReadable fails where a Read would wait.
func (tc *testConn) wantReadable() {
	tc.t.Helper()
	synctest.Wait()
	tc.conn.mu.Lock()
	defer tc.conn.mu.Unlock()
	if !tc.conn.tcb.readable() {
		tc.t.Fatal("nothing to read")
	}
}

// wantReadError reads, which must fail at once.
func (tc *testConn) wantReadError(want error) {
	tc.t.Helper()
	tc.wantReadable()
	n, err := tc.conn.Read(make([]byte, 1))
	wantErr(tc.t, "Read", err, want)
	if n != 0 {
		tc.t.Errorf("Read %d bytes", n)
	}
}

// background runs f in the bubble; the function returned fetches its error, which must be there.
func (tc *testConn) background(f func() error) (result func() error) {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return func() error {
		tc.t.Helper()
		synctest.Wait()
		select {
		case err := <-done:
			return err
		default:
			tc.t.Fatal("the call still waits")
			return nil
		}
	}
}

func (tc *testConn) wantState(want State) {
	tc.t.Helper()
	synctest.Wait()
	if got := tc.conn.Info().State; got != want {
		tc.t.Fatalf("state is %v, want %v", got, want)
	}
}

// wantListed checks the state in the layer's table; CLOSED is none.
func (tc *testConn) wantListed(want State) {
	tc.t.Helper()
	synctest.Wait()
	got := Closed
	for _, c := range tc.layer.Conns() {
		if c.Local == tc.local && c.Remote == tc.remote {
			got = c.State
		}
	}
	if got != want {
		tc.t.Fatalf("the connection is listed in %v, want %v", got, want)
	}
}

// wantCount checks a counter.
func (tc *testConn) wantCount(name string, got func(Stats) uint64, want uint64) {
	tc.t.Helper()
	if n := got(tc.layer.Stats()); n != want {
		tc.t.Errorf("%s is %d, want %d", name, n, want)
	}
}

func (tc *testConn) rto() time.Duration { return tc.conn.Info().RTO }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErr checks that err is want, as errors.Is sees it.
func wantErr(t *testing.T, call string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: %v, want %v", call, err, want)
	}
}
