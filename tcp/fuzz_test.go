package tcp

import (
	"testing"
	"time"

	"github.com/tinystack/tinystack/packet"
)

// FuzzParse: nothing panics; what Parse reads, AppendTo writes so that Parse reads the
// same again; what AppendTo writes is a whole header.
func FuzzParse(f *testing.F) {
	for _, h := range sampleHeaders() {
		f.Add(append(h.AppendTo(nil), "data"...))
	}
	// 40 bytes of options that no alignment fits: MSS, timestamps, three SACK blocks.
	tight := (&Header{}).AppendTo(nil)
	tight[12] = 15 << 4
	tight = append(tight, 2, 4, 5, 180, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 5, 26)
	f.Add(append(tight, make([]byte, 24)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, payload, err := Parse(b)
		if err != nil {
			if payload != nil || h != (Header{}) {
				t.Fatalf("%v, and yet %+v", err, h)
			}
			return
		}
		if hlen := int(b[12]>>4) * 4; len(payload) != len(b)-hlen {
			t.Fatalf("%d bytes after a header of %d in %d", len(payload), hlen, len(b))
		}
		if h.Options.NumSACK > maxSACK {
			t.Fatalf("%d SACK blocks", h.Options.NumSACK)
		}
		again := h.AppendTo(nil)
		if len(again) != h.Len() || len(again) > maxHeaderLen || len(again)%4 != 0 {
			t.Fatalf("AppendTo wrote %d bytes, Len is %d", len(again), h.Len())
		}
		// What has no room once the options are aligned is left out.
		h.Options.NumSACK = uint8(h.Options.sackThatFit())
		for i := int(h.Options.NumSACK); i < maxSACK; i++ {
			h.Options.SACK[i] = Block{}
		}
		h.Options.Malformed = false
		if h2, rest, err := Parse(again); err != nil || len(rest) != 0 || h2 != h {
			t.Fatalf("%+v came back as %+v, %v", h, h2, err)
		}
	})
}

// FuzzSegments: a connection, in whatever state, takes any segment without a panic; what must hold
// of it holds after each; it stops sending after a bounded number of segments.
func FuzzSegments(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte{3, 9, 1, 5, 80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 200, 100, 50, 25, 12, 6, 3})
	for i := range byte(12) {
		script := make([]byte, 300)
		for j := range script {
			script[j] = byte(j*j)*31 + i*77 + byte(j>>3)
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) { meddle(t, newDice(script), 2000) })
}

// Many scripts that no fuzzer had to find. They lead through every state that a tcb has.
func TestAnySegments(t *testing.T) {
	t.Parallel()
	var seen [TimeWait + 1]int
	for seed := range uint64(800) {
		for state, n := range meddle(t, seeded(seed), 150) {
			seen[state] += n
		}
	}
	for state, n := range seen {
		if n == 0 && State(state) != Listen {
			t.Errorf("never in %v", State(state))
		}
	}
}

// victim is a connection that is sent arbitrary segments.
type victim struct {
	tcb
	cfg   Config
	stats Stats
	now   instant
	d     *dice
	seen  [TimeWait + 1]int
}

func newVictim(d *dice) *victim {
	v := &victim{now: 1, d: d}
	v.cfg = Config{ReceiveBuffer: 4096 << d.n(9), SendBuffer: 4096 << d.n(9)}
	v.cfg.Congestion = []string{CUBIC, Reno, BBR}[d.n(3)]
	if d.n(4) == 0 {
		v.cfg.DelayedAck = -1
	}
	v.cfg.ECN = ECN(d.n(3))
	v.cfg, _ = v.cfg.withDefaults()
	v.init(&v.cfg, &v.stats, Seq(d.wide(1<<32-1)), uint32(d.wide(1<<32-1)))
	mtu := []int{68, 576, 1500, 9000, 65535}[d.n(5)]
	v.setPath(mtu-20, d.n(2) == 0)
	v.advMSS = uint16(max(minMSS, mtu-40))
	v.nagle = d.n(4) == 0
	return v
}

// meddle opens a connection and has the script's dice decide what it is sent. It returns how often
// each state was seen.
func meddle(t *testing.T, d *dice, steps int) (seen [TimeWait + 1]int) {
	t.Helper()
	v := newVictim(d)
	if d.n(2) == 0 {
		v.connect(v.now)
		v.drain(t)
	} else {
		syn := Header{Seq: Seq(d.wide(1<<32 - 1)), Flags: SYN | []Flags{0, ECE | CWR}[d.n(2)], Window: uint16(d.n(65536)), Options: v.anyOptions(true)}
		v.accept(v.now, readSyn(&syn), instant(d.n(2)))
		ack := Header{Seq: syn.Seq + 1, Ack: v.iss + 1, Flags: ACK, Window: syn.Window}
		ack.Options.HasTimestamps, ack.Options.TSVal = v.tsOK, v.tsRecent
		v.feed(t, ack, nil)
	}
	for i := 0; i < steps && !(d.script != nil && d.spent()); i++ {
		v.now = v.now.add(time.Duration(d.n(4)) * time.Duration(d.n(200)) * time.Millisecond)
		v.act(t)
	}
	v.end(errReset)
	v.queue.free()
	return v.seen
}

// act is one step: the user's, the clock's, or a segment.
func (v *victim) act(t *testing.T) {
	t.Helper()
	d := v.d
	switch d.n(16) {
	case 0, 1:
		if v.canWrite() {
			v.write(make([]byte, d.n(30_000)))
		}
	case 2:
		v.read(make([]byte, d.n(30_000)))
	case 3:
		if at := v.nextTimeout(); at != 0 {
			v.now = max(v.now, at)
		}
		v.advance(v.now)
	case 4:
		v.callUser()
	case 5:
		v.setPath(max(68, d.n(9000)), d.n(2) == 0)
	default:
		v.anySegment(t)
		return
	}
	v.drain(t)
}

func (v *victim) callUser() {
	switch v.d.n(12) {
	case 0:
		if v.state != SynSent && v.state != SynReceived {
			v.closeWrite()
		}
	case 1:
		v.closeRead()
	case 2:
		v.close(v.now)
	case 3:
		v.rcvBuf, v.rcvBufSet = int32(minBuffer<<v.d.n(13)), true
		v.cfg.ReceiveBuffer = max(v.cfg.ReceiveBuffer, int(v.rcvBuf)) // the most there has been
	case 4:
		v.sndBufMax = minBuffer << v.d.n(13)
		v.cfg.SendBuffer = max(v.cfg.SendBuffer, int(v.sndBufMax))
	case 5:
		v.userTimeout = time.Duration(v.d.n(5)) * time.Second
	case 6:
		v.unreachable(errTimedOut)
	case 7:
		v.pressure = []pressure{memoryPlenty, memoryPlenty, memoryScarce, memoryFull}[v.d.n(4)]
	case 8:
		v.notSentLowat = int32(v.d.n(20_000))
	}
}

// anySegment sends a segment around what the connection expects, mostly.
func (v *victim) anySegment(t *testing.T) {
	t.Helper()
	d := v.d
	h := Header{
		Seq:     v.irs + Seq(v.near(v.rcvNxt, v.rcvEdge)),
		Ack:     v.iss + Seq(v.near(v.sndUna, v.sndNxt)),
		Flags:   []Flags{ACK, ACK, ACK, ACK, ACK | PSH, ACK | FIN, SYN, SYN | ACK, RST, RST | ACK, SYN | FIN | ACK, 0, URG | ACK}[d.n(13)],
		Window:  []uint16{0, 1, 100, 65535, uint16(d.n(65536))}[d.n(5)],
		Urgent:  uint16(d.n(3)),
		Options: v.anyOptions(d.n(20) == 0),
	}
	h.Flags |= []Flags{0, 0, 0, ECE, CWR}[d.n(5)]
	if d.n(30) == 0 {
		h.Flags = Flags(d.n(256))
	}
	var data []byte
	if d.n(2) == 0 {
		data = make([]byte, []int{1, 10, 536, 1460, d.n(20_000)}[d.n(5)])
	}
	v.feed(t, h, data)
}

// near is a position in, at the edge of, around, or far from a range.
func (v *victim) near(from, to int64) int64 {
	d := v.d
	switch d.n(6) {
	case 0:
		return from
	case 1:
		return to
	case 2:
		return from + int64(d.n(5)) - 2
	case 3:
		return to + int64(d.n(5)) - 2
	case 4:
		return from + int64(d.n(int(max(1, to-from))))
	}
	return from - 3000 + int64(d.n(int(max(0, to-from))+6000))
}

func (v *victim) anyOptions(syn bool) (o Options) {
	d := v.d
	if syn {
		o.MSS = uint16(d.n(4) * d.n(16000))
		o.HasWindowScale, o.WindowScale = d.n(2) == 0, uint8(d.n(20))
		o.SACKPermitted = d.n(3) != 0
		o.HasTimestamps = d.n(2) == 0
		o.TSVal = uint32(d.wide(1<<32 - 1))
		return o
	}
	o.HasTimestamps = v.tsOK != (d.n(20) == 0)
	if o.HasTimestamps {
		o.TSVal = v.tsRecent + uint32(d.n(4)*d.n(100))
		o.TSEcr = v.tsNow(v.now) - uint32(d.n(3)*d.n(5000))
	}
	if d.n(2) == 0 {
		o.NumSACK = uint8(d.n(5))
		for i := range o.NumSACK {
			left := v.near(v.sndUna, v.sndNxt)
			o.SACK[i] = Block{v.iss + Seq(left), v.iss + Seq(left+int64(d.n(5000))-10)}
		}
	}
	return o
}

// feed has a segment arrive.
func (v *victim) feed(t *testing.T, h Header, data []byte) {
	t.Helper()
	in := new(packet.In)
	buf := packet.Get(len(data) + 40)
	in.Fill(buf)
	v.receive(v.now, &segment{Header: h, data: [2][]byte{buf.B[40:][:copy(buf.B[40:], data)]}, in: in, ecn: uint8(v.d.n(4))})
	v.ackNow = v.ackNow || v.ackBatch
	v.drain(t)
}

// drain takes all that is to be sent, and checks what holds then.
func (v *victim) drain(t *testing.T) {
	t.Helper()
	var s segment
	budget := 2*(int(v.sndBuf.n)+v.inFlight())/max(1, v.mss(40)) + 100
	if v.fl != nil {
		budget += 2 * len(v.fl.live())
	}
	for n := 0; v.next(v.now, &s); n++ {
		if n > budget {
			t.Fatalf("%v: %d segments in a row", v.state, n)
		}
		v.checkSent(t, &s)
	}
	v.seen[v.state]++
	checkTCB(t, v.now, &v.tcb)
}

// checkSent holds a segment against what may be sent.
func (v *victim) checkSent(t *testing.T, s *segment) {
	t.Helper()
	size := s.dataLen()
	if s.segSize > 0 {
		size = s.segSize
	}
	switch {
	case s.Flags.Has(RST):
		return
	case s.Len() > maxHeaderLen, s.dataLen() > 65535-120:
		t.Fatalf("a segment with %d bytes of header and %d of data", s.Len(), s.dataLen())
	case s.dataLen() > 0 && s.Len()-minHeaderLen+size > min(v.maxSegment, max(int(v.peerMSS), minMSS)) && size > 1:
		t.Fatalf("%d bytes of options and %d of data where MSS %d and path %d allow less", s.Len()-minHeaderLen, size, v.peerMSS, v.maxSegment)
	case s.segSize > 0 && !v.tso:
		t.Fatal("a super-segment without TSO")
	case s.ecn != notECT && (!v.ecn.capable() || s.again || s.dataLen() == 0):
		t.Fatalf("the ECN field is %d, again %v, %d bytes of data", s.ecn, s.again, s.dataLen())
	case s.Flags&(SYN|CWR) == CWR && s.ecn == notECT:
		t.Fatal("CWR on what is no new data")
	}
	for i, b := range s.Options.SACK[:s.Options.NumSACK] {
		if b.Right.Sub(b.Left) <= 0 || v.rcvPos(b.Right) > v.rcvEdge+1 {
			t.Fatalf("SACK block %d is %v", i, b)
		}
	}
}

// FuzzPair: two connections over a channel that loses, duplicates and reorders as the
// script says: what is read is always a prefix of what was sent, and all of it once the channel heals.
func FuzzPair(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	f.Add([]byte("\x80\x00\x40\x01\x20\x02 and some more that is lost and doubled and late, again and again, until it is not"))
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 512)] // so many losses in a row take less than a day
		d := newDice(script)
		cfg := Config{GiveUp: 24 * time.Hour, ConnectTimeout: 24 * time.Hour, KeepAlive: 3 * time.Hour, ReceiveBuffer: 4096 << d.n(5), SendBuffer: 4096 << d.n(5)}
		if d.n(2) == 0 {
			cfg.Congestion = Reno
		}
		s := newSim(t, 1, cfg, d.n(3)*mbit, time.Duration(1+d.n(20))*time.Millisecond)
		s.b.passive = d.n(4) != 0
		s.a.total, s.b.total = int64(d.n(60_000)), int64(d.n(60_000))
		s.both(func(h *simHost) {
			h.mtu(88+d.n(3000), d.n(2) == 0)
			h.chunk = d.n(3) * (100 + d.n(3000))
			h.closeOn = h == s.a && d.n(3) == 0
			h.nagle = d.n(3) == 0
			h.out.drop = func(int, *Header) bool { return !d.spent() && d.n(4) == 0 }
			h.out.dup, h.out.reorder = float64(d.n(2))*0.2, float64(d.n(2))*0.3
			if d.n(3) == 0 {
				h.out.middle = func(h *Header) { h.Options.SACKPermitted = false }
			}
		})
		s.transfer(100 * time.Hour)
	})
}
