package tcp

import (
	"cmp"
	"slices"
	"testing"
	"time"
)

// byteState is what the model knows of one byte in flight.
type byteState struct {
	state  runState
	resent bool
	at     instant // of its last transmission
}

// scoreboard is a flight told byte by byte: the model.
type scoreboard struct {
	una    int64
	bytes  []byteState // from una on
	rackAt instant     // RACK.xmit_ts, RACK.end_seq and RACK.rtt (RFC 8985 5.2)
	rackTo int64
	rtt    time.Duration
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

// arrived takes in that the byte at offset i arrived now.
func (m *scoreboard) arrived(now instant, i int) {
	b := m.bytes[i]
	to := m.una + int64(i) + 1
	if b.resent && now.sub(b.at) < flightRTT {
		return
	}
	if b.at > m.rackAt || (b.at == m.rackAt && to > m.rackTo) {
		m.rackAt, m.rackTo, m.rtt = b.at, to, now.sub(b.at)
	}
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
	if f.againBytes != m.count(retransmitted) {
		t.Fatalf("retransmitted %d, want %d", f.againBytes, m.count(retransmitted))
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

const (
	flightMSS = 10
	flightRTT = 3 // the least round-trip time
)

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
			stepAck(t, d, f, m, now)
		case 4, 5, 6:
			stepSack(t, d, f, m, now)
		case 7:
			stepDetect(t, d, f, m, now)
		case 8:
			stepResend(d, f, m, now)
		case 9:
			stepRare(t, d, f, m, now)
		}
		checkFlight(t, f, m)
	}
	f.release()
}

func stepSent(d *dice, f *flight, m *scoreboard, now instant) {
	n := 1 + d.n(5*flightMSS)
	f.sent(now, m.nxt(), m.nxt()+int64(n))
	for range n {
		m.bytes = append(m.bytes, byteState{at: now})
	}
}

func stepAck(t *testing.T, d *dice, f *flight, m *scoreboard, now instant) {
	t.Helper()
	n := d.n(len(m.bytes) + 1)
	want, once := 0, false
	for i, b := range m.bytes[:n] {
		if b.state != sacked {
			want++
			m.arrived(now, i)
		}
		once = once || (b.state != sacked && !b.resent)
	}
	del := delivery{answered: now, soonest: flightRTT}
	f.ack(m.una+int64(n), &del)
	f.rack.delivered(&del)
	if del.bytes != want {
		t.Fatalf("acknowledging %d delivered %d, want %d", n, del.bytes, want)
	}
	// Karn: no time is taken from what was sent twice.
	if del.sentAt != 0 && !once {
		t.Fatal("a round-trip time from bytes that were sent twice")
	}
	m.una += int64(n)
	m.bytes = m.bytes[n:]
}

func stepSack(t *testing.T, d *dice, f *flight, m *scoreboard, now instant) {
	t.Helper()
	if len(m.bytes) < 2 {
		return
	}
	i := d.n(len(m.bytes) - 1)
	j := i + 1 + d.n(min(len(m.bytes)-i-1, 4*flightMSS))
	want := 0
	for k := i; k < j; k++ {
		if m.bytes[k].state != sacked {
			m.arrived(now, k)
			m.bytes[k].state = sacked
			want++
		}
	}
	del := delivery{answered: now, soonest: flightRTT}
	f.sack(m.una+int64(i), m.una+int64(j), &del)
	f.rack.delivered(&del)
	if del.bytes != want {
		t.Fatalf("sack of %d to %d is news of %d, want %d", i, j, del.bytes, want)
	}
}

// stepDetect is RFC 8985 6.2 step 5, asked of every byte.
func stepDetect(t *testing.T, d *dice, f *flight, m *scoreboard, now instant) {
	t.Helper()
	window := time.Duration(d.n(6))
	marked, want, later := f.detectLost(now, window), 0, false
	for i := range m.bytes {
		b := &m.bytes[i]
		before := b.at < m.rackAt || (b.at == m.rackAt && m.una+int64(i) < m.rackTo)
		if !before || (b.state != inFlight && b.state != retransmitted) {
			continue
		}
		if b.at.add(m.rtt+window) > now {
			later = true
			continue
		}
		b.state = lost
		want++
	}
	if marked != want || (f.rack.due != 0) != later {
		t.Fatalf("marked %d as lost, want %d; to look again at %d, want %t", marked, want, f.rack.due, later)
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
		m.bytes[p-m.una] = byteState{retransmitted, true, now}
	}
}

// stepRare is a timeout, the first segment lost by duplicate ACKs, or a peer that reneges.
func stepRare(t *testing.T, d *dice, f *flight, m *scoreboard, now instant) {
	t.Helper()
	switch d.n(4) {
	case 0:
		before := now - instant(d.n(20))
		if d.n(2) == 0 {
			before = now
			f.forgetSacks()
			for _, r := range f.live() { // of what was joined when it was sacked only one time is known
				for p := r.start; p < r.end && m.bytes[p-m.una].state == sacked; p++ {
					m.bytes[p-m.una] = byteState{inFlight, r.resent, r.at}
				}
			}
		}
		stepTimeout(t, f, m, before)
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

// stepTimeout has what was sent up to that moment, and the first run, count as lost.
func stepTimeout(t *testing.T, f *flight, m *scoreboard, before instant) {
	t.Helper()
	first := int64(0)
	if len(f.live()) > 0 {
		first = f.live()[0].end
	}
	f.marked = 0
	f.markSentBefore(before)
	want := 0
	for i := range m.bytes {
		b := &m.bytes[i]
		if b.state != sacked && b.state != lost && (b.at <= before || m.una+int64(i) < first) {
			b.state = lost
			want++
		}
	}
	if f.marked != want {
		t.Fatalf("marked %d as lost, want %d", f.marked, want)
	}
	for _, r := range f.live() { // what was joined counts as sent when the oldest of it was
		if r.state != lost {
			continue
		}
		joined := m.bytes[r.start-m.una : r.end-m.una]
		oldest := slices.MinFunc(joined, func(a, b byteState) int { return cmp.Compare(a.at, b.at) })
		for i := range joined {
			joined[i].at = oldest.at
			joined[i].resent = joined[i].resent || r.resent
		}
		if r.at != oldest.at {
			t.Fatalf("run %+v was sent at %d, want %d", r, r.at, oldest.at)
		}
	}
}

func TestFlightAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		checkScoreboard(t, seeded(seed), 200)
	}
}

// FuzzFlight: the scoreboard agrees with one kept byte by byte, in its runs, its
// sums, what it takes for lost (RFC 8985 6) and what it would send again first.
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
	var one, both delivery
	if f.ack(11, &one); one.sentAt != 100 || one.resent {
		t.Errorf("one segment: %+v", one)
	}
	f.markFirstLost(10)
	f.resend(400, f.firstLost(), 10)
	if f.ack(31, &both); both.sentAt != 0 || !both.resent {
		t.Errorf("one sent twice and one that waited for it: %+v", both)
	}
}

// What was sacked, and is taken back, is not taken for sent once where a part of it was sent twice.
func TestFlightRemembersWhatWasSacked(t *testing.T) {
	t.Parallel()
	f := newFlight()
	f.sent(100, 1, 11)
	f.sent(200, 11, 21)
	f.sent(300, 21, 31)
	f.markLost(&f.live()[2])
	f.resend(400, f.firstLost(), 10)
	f.sack(11, 31, &delivery{})
	f.forgetSacks()
	var d delivery
	f.ack(11, &d)
	if f.ack(31, &d); d.sentAt != 0 || !d.resent || d.lowest != 11 || d.oldest != 200 {
		t.Errorf("one sent once, and one of which a part was sent twice: %+v", d)
	}
}

// A peer may report any byte, but not make the scoreboard larger than a bound
// by reporting every other one.
func TestFlightIsBounded(t *testing.T) {
	t.Parallel()
	f := newFlight()
	f.sent(1, 0, 1<<20)
	for p := int64(1); p < 1<<20; p += 2 {
		f.sack(p, p+1, &delivery{})
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
		f := flightOf(window, mss)
		i := int64(0)
		for b.Loop() {
			f.ack((i+1)*mss, &delivery{answered: 1})
			f.detectLost(1, 0)
			f.sent(1, (i+window)*mss, (i+window+1)*mss)
			i++
		}
	})
	sacks := func(b *testing.B, step int64, window time.Duration, report func(f *flight, i int64, d *delivery)) {
		for b.Loop() {
			f := flightOf(3000, mss)
			for i := int64(1); i < 3000-1; i += step {
				d := delivery{answered: instant(5000 + i)}
				report(f, i, &d)
				f.rack.delivered(&d)
				f.detectLost(d.answered, window)
			}
			f.release()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(int64(b.N)*3000/step), "ns/segment")
	}
	b.Run("sack", func(b *testing.B) { // the first is lost, and each other reported in turn
		sacks(b, 1, 0, func(f *flight, i int64, d *delivery) { f.sack(mss, (i+1)*mss, d) })
	})
	b.Run("sack every other", func(b *testing.B) {
		sacks(b, 2, 0, func(f *flight, i int64, d *delivery) { f.sack(i*mss, (i+1)*mss, d) })
	})
	b.Run("sack every other, none lost yet", func(b *testing.B) {
		sacks(b, 2, time.Hour, func(f *flight, i int64, d *delivery) { f.sack(i*mss, (i+1)*mss, d) })
	})
}

// flightOf is a flight of segments, each sent a nanosecond after the one before.
func flightOf(segments, mss int64) *flight {
	f := newFlight()
	for i := range segments {
		f.sent(instant(1+i), i*mss, (i+1)*mss)
	}
	return f
}

// The room for retransmissions under way is made so that it is not looked for again at once.
func TestRetransmissionsMakeRoom(t *testing.T) {
	t.Parallel()
	const n = 846 // as many as an array of that kind takes, nearly
	f := newFlight()
	for i := range int64(50000) {
		f.sent(1, i, i+1)
	}
	moves, head := 0, 0
	for i := range 50000 {
		r := &f.live()[i]
		f.resend(instant(i+2), r, 1)
		if f.rack.head < head {
			moves++
		}
		if i >= n {
			f.setState(&f.live()[i-n], sacked)
			f.rack.head++
		}
		head = f.rack.head
	}
	if moves > 200 {
		t.Errorf("%d times for 50000 retransmissions", moves)
	}
}
