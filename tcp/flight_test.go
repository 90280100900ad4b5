package tcp

import (
	"slices"
	"testing"
)

// byteState is what the model knows of one byte in flight.
type byteState struct {
	state  runState
	resent bool
}

// scoreboard is a flight told byte by byte: the model.
type scoreboard struct {
	una   int64
	bytes []byteState // from una on
	edge  int64       // below it, what is in flight is not marked lost again
}

func (m *scoreboard) nxt() int64 { return m.una + int64(len(m.bytes)) }

func (m *scoreboard) count(s ...runState) (n int) {
	for _, b := range m.bytes {
		if slices.Contains(s, b.state) {
			n++
		}
	}
	return n
}

// lossEdge is RFC 6675 4, IsLost, asked of every byte.
func (m *scoreboard) lossEdge(mss int) int64 {
	bytes, ranges := 0, 0
	for i := len(m.bytes) - 1; i >= 0; i-- {
		if m.bytes[i].state != sacked {
			if bytes > (dupThresh-1)*mss || ranges >= dupThresh {
				return m.una + int64(i) + 1
			}
			continue
		}
		bytes++
		if i+1 == len(m.bytes) || m.bytes[i+1].state != sacked {
			ranges++
		}
	}
	if bytes > (dupThresh-1)*mss || ranges >= dupThresh {
		return m.una
	}
	return 0
}

// checkFlight holds a flight against the model.
func checkFlight(t *testing.T, f *flight, m *scoreboard) {
	t.Helper()
	at := m.una
	before := runState(255)
	for _, r := range f.live() {
		if r.start != at || r.end <= r.start {
			t.Fatalf("run %+v where one from %d on was due", r, at)
		}
		for p := r.start; p < r.end; p++ {
			if p >= m.nxt() || m.bytes[p-m.una].state != r.state {
				t.Fatalf("byte %d is in state %d, want %+v", p, r.state, m.bytes[p-m.una])
			}
		}
		if before == sacked && r.state == sacked {
			t.Fatalf("sacked runs side by side at %d", at)
		}
		before, at = r.state, r.end
	}
	if at != m.nxt() {
		t.Fatalf("the runs end at %d, want %d", at, m.nxt())
	}
	if f.pipe != m.count(inFlight, retransmitted) || f.lostBytes != m.count(lost) || f.sackedBytes != m.count(sacked) {
		t.Fatalf("pipe %d, lost %d, sacked %d, want %d, %d, %d", f.pipe, f.lostBytes, f.sackedBytes,
			m.count(inFlight, retransmitted), m.count(lost), m.count(sacked))
	}
	checkFirstLost(t, f, m)
}

func checkFirstLost(t *testing.T, f *flight, m *scoreboard) {
	t.Helper()
	first := slices.IndexFunc(m.bytes, func(b byteState) bool { return b.state == lost })
	r := f.firstLost()
	if (r == nil) != (first < 0) {
		t.Fatalf("first lost is %v, want offset %d", r, first)
	}
	if r != nil && r.start != m.una+int64(first) {
		t.Fatalf("first lost at %d, want %d", r.start, m.una+int64(first))
	}
}

const flightMSS = 10

func checkScoreboard(t *testing.T, d *dice, steps int) {
	t.Helper()
	f := newFlight()
	m := &scoreboard{una: 1}
	now := instant(1)
	for range steps {
		now++
		switch d.n(10) {
		case 0, 1, 2:
			stepSent(d, f, m, now)
		case 3:
			stepAck(t, d, f, m)
		case 4, 5, 6:
			stepSack(t, d, f, m)
		case 7:
			stepMarkLost(t, f, m)
		case 8:
			stepResend(d, f, m, now)
		case 9:
			stepRare(d, f, m)
		}
		checkFlight(t, f, m)
	}
	f.release()
}

func stepSent(d *dice, f *flight, m *scoreboard, now instant) {
	n := 1 + d.n(5*flightMSS)
	f.sent(now, m.nxt(), m.nxt()+int64(n))
	m.bytes = append(m.bytes, make([]byteState, n)...)
}

func stepAck(t *testing.T, d *dice, f *flight, m *scoreboard) {
	t.Helper()
	n := d.n(len(m.bytes) + 1)
	want, once := 0, false
	for _, b := range m.bytes[:n] {
		if b.state != sacked {
			want++
		}
		once = once || (b.state != sacked && !b.resent)
	}
	delivered, rtt := f.ack(m.una + int64(n))
	if delivered != want {
		t.Fatalf("acknowledging %d delivered %d, want %d", n, delivered, want)
	}
	// Karn: no time is taken from what was sent twice.
	if rtt.sentAt != 0 && !once {
		t.Fatal("a round-trip time from bytes that were sent twice")
	}
	m.una += int64(n)
	m.bytes = m.bytes[n:]
}

func stepSack(t *testing.T, d *dice, f *flight, m *scoreboard) {
	t.Helper()
	if len(m.bytes) < 2 {
		return
	}
	i := d.n(len(m.bytes) - 1)
	j := i + 1 + d.n(min(len(m.bytes)-i-1, 4*flightMSS))
	want := 0
	for k := i; k < j; k++ {
		if m.bytes[k].state != sacked {
			m.bytes[k].state = sacked
			want++
		}
	}
	if news := f.sack(m.una+int64(i), m.una+int64(j), &sample{}); news != want {
		t.Fatalf("sack of %d to %d is news of %d, want %d", i, j, news, want)
	}
}

// stepMarkLost is what an ACK in recovery does.
func stepMarkLost(t *testing.T, f *flight, m *scoreboard) {
	t.Helper()
	edge := f.lossEdgeBySACK(flightMSS)
	if want := m.lossEdge(flightMSS); edge != want {
		t.Fatalf("loss edge %d, want %d", edge, want)
	}
	marked, want := f.markLostBelow(edge), 0
	for i := range m.bytes {
		if p := m.una + int64(i); p >= m.edge && p < edge && m.bytes[i].state == inFlight {
			m.bytes[i].state = lost
			want++
		}
	}
	m.edge = max(m.edge, edge)
	if marked != want {
		t.Fatalf("marked %d as lost, want %d", marked, want)
	}
}

func stepResend(d *dice, f *flight, m *scoreboard, now instant) {
	r := f.firstLost()
	if r == nil {
		return
	}
	n := 1 + d.n(int(r.end-r.start))
	start := r.start
	f.resend(now, r, n)
	for p := start; p < start+int64(n); p++ {
		m.bytes[p-m.una] = byteState{retransmitted, true}
	}
}

// stepRare is a timeout, the first segment lost by duplicate ACKs, or a peer that reneges.
func stepRare(d *dice, f *flight, m *scoreboard) {
	switch d.n(4) {
	case 0:
		if d.n(2) == 0 {
			f.forgetSacks()
			for i := range m.bytes {
				if m.bytes[i].state == sacked {
					m.bytes[i].state = inFlight
				}
			}
		}
		f.markAllLost()
		for i := range m.bytes {
			if m.bytes[i].state != sacked {
				m.bytes[i].state = lost
			}
		}
		m.edge = m.nxt()
	case 1:
		live := f.live()
		if len(live) == 0 || live[0].state == sacked {
			break
		}
		n := min(flightMSS, int(live[0].end-live[0].start))
		f.markFirstLost(flightMSS)
		for i := range n {
			m.bytes[i].state = lost
		}
	case 2:
		long := d.n(30)
		for _, r := range f.live() {
			for p := r.start; p < r.end && r.state != sacked && int(r.end-r.start) > long; p++ {
				m.bytes[p-m.una].state = lost
			}
		}
		f.markLonger(long)
	}
}

func TestFlightAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		checkScoreboard(t, seeded(seed), 200)
	}
}

// FuzzFlight: the scoreboard agrees with one kept byte by byte, in its runs, its
// sums, what it takes for lost (RFC 6675 4) and what it would send again first.
func FuzzFlight(f *testing.F) {
	f.Add([]byte("\x00\x31\x00\x31\x00\x31\x04\x10\x20\x07\x08\x05\x09\x00\x01\x03\x40"))
	f.Fuzz(func(t *testing.T, script []byte) { checkScoreboard(t, newDice(script), min(len(script), 300)) })
}

// A round-trip time comes from what was sent once, and not if the same ACK also
// covers what was sent twice: then it may have waited for that (Karn's algorithm,
// RFC 6298 3).
func TestFlightSamples(t *testing.T) {
	t.Parallel()
	f := newFlight()
	f.sent(100, 1, 11)
	f.sent(200, 11, 21)
	f.sent(300, 21, 31)
	if _, s := f.ack(11); s.sentAt != 100 || s.resent {
		t.Errorf("one segment: %+v", s)
	}
	f.markFirstLost(10)
	f.resend(400, f.firstLost(), 10)
	if _, s := f.ack(31); s.sentAt != 0 || !s.resent {
		t.Errorf("one sent twice and one that waited for it: %+v", s)
	}
}

// A peer may report any byte, but not make the scoreboard larger than a bound
// by reporting every other one.
func TestFlightIsBounded(t *testing.T) {
	t.Parallel()
	f := newFlight()
	f.sent(1, 0, 1<<20)
	for p := int64(1); p < 1<<20; p += 2 {
		f.sack(p, p+1, &sample{})
	}
	if n := len(f.live()); n > 20_000 {
		t.Errorf("%d runs", n)
	}
	sum := 0
	for _, r := range f.live() {
		if r.state == sacked {
			sum += int(r.end - r.start)
		}
	}
	if sum != f.sackedBytes || f.pipe+f.sackedBytes != 1<<20 {
		t.Errorf("sacked %d, counted %d; in flight %d", sum, f.sackedBytes, f.pipe)
	}
}

// BenchmarkFlight is the scoreboard's cost for each segment, in a window of 3000.
func BenchmarkFlight(b *testing.B) {
	const window, mss = 3000, 1448
	b.Run("ack", func(b *testing.B) { // steady state: one goes out for each that is acknowledged
		f := newFlight()
		for i := range int64(window) {
			f.sent(1, i*mss, (i+1)*mss)
		}
		i := int64(0)
		for b.Loop() {
			f.ack((i + 1) * mss)
			f.sent(1, (i+window)*mss, (i+window+1)*mss)
			i++
		}
	})
	b.Run("sack", func(b *testing.B) { // the first is lost, and each other reported in turn
		for b.Loop() {
			f := newFlight()
			for i := range int64(window) {
				f.sent(1, i*mss, (i+1)*mss)
			}
			for i := int64(1); i < window; i++ {
				f.sack(mss, (i+1)*mss, &sample{})
				f.markLostBelow(f.lossEdgeBySACK(mss))
			}
			f.release()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*window), "ns/segment")
	})
	b.Run("sack every other", func(b *testing.B) {
		for b.Loop() {
			f := newFlight()
			for i := range int64(window) {
				f.sent(1, i*mss, (i+1)*mss)
			}
			for i := int64(1); i < window-1; i += 2 {
				f.sack(i*mss, (i+1)*mss, &sample{})
				f.markLostBelow(f.lossEdgeBySACK(mss))
			}
			f.release()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*window/2), "ns/segment")
	})
	b.Run("one far ahead", func(b *testing.B) { // few bytes sacked, far above: nothing is lost yet
		f := newFlight()
		for i := range int64(window) {
			f.sent(1, i*mss, (i+1)*mss)
		}
		f.sack((window-1)*mss, window*mss, &sample{})
		for b.Loop() {
			f.markLostBelow(f.lossEdgeBySACK(mss))
		}
	})
}
