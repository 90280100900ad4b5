package tcp

import (
	"bytes"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// What is late is taken once and in the order in which it came, whoever adds and takes at the same time.
func TestLateAcks(t *testing.T) {
	t.Parallel()
	var l lateAcks
	var wg sync.WaitGroup
	const each = 1000
	for i := range uint16(4) {
		wg.Go(func() {
			for n := Seq(0); n < each; {
				if l.add(&segment{Header: Header{SrcPort: i, Ack: n}}) {
					n++
				}
			}
		})
	}
	var next [4]Seq
	for taken := 0; taken < 4*each; {
		l.free(l.take(func(s *segment) {
			if s.Ack != next[s.SrcPort] {
				t.Errorf("of %d came %d, want %d", s.SrcPort, s.Ack, next[s.SrcPort])
			}
			next[s.SrcPort] = s.Ack + 1
			taken++
		}))
	}
	wg.Wait()
	if l.any() {
		t.Error("more was taken than added")
	}
}

func TestLateAcksAreBounded(t *testing.T) {
	t.Parallel()
	var l lateAcks
	for n := range maxLate {
		if !l.add(new(segment)) {
			t.Fatalf("after %d one more is refused", n)
		}
	}
	if l.add(new(segment)) {
		t.Errorf("%d are taken", maxLate+1)
	}
	n := l.take(func(*segment) {})
	if l.add(new(segment)) {
		t.Error("one is taken before places are free")
	}
	l.free(n)
	if n != maxLate || !l.add(new(segment)) {
		t.Errorf("of %d places none is free", n)
	}
}

// An ACK that comes while the connection is locked does not wait: it is taken as soon as that is unlocked.
func TestLateAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := newWirePair(t, packet.TxChecksum, 1500, Config{DelayedAck: -1}, 1)
		if _, err := a[0].Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		acked := func() int64 { return a[0].tcb.sndUna }
		before := acked()

		a[0].mu.Lock()
		w.pump() // the data to b, and its ACK back
		if !a[0].late.any() || acked() != before {
			t.Errorf("with the lock held, late is %v and %d bytes are acknowledged", a[0].late.any(), acked()-before)
		}
		a[0].unlock()
		if a[0].late.any() || acked() != before+1000 {
			t.Errorf("unlocked, late is %v and %d bytes are acknowledged", a[0].late.any(), acked()-before)
		}
		if n, err := b[0].Read(make([]byte, 2000)); n != 1000 || err != nil {
			t.Errorf("read %d bytes, %v", n, err)
		}
	})
}

// While it sends, a connection takes what is late: the ACKs let more go out.
func TestLateAckWhileSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, _ := newWirePair(t, packet.TxChecksum, 1500, Config{DelayedAck: -1}, 1)
		write := func(n int) {
			if _, err := a[0].Write(make([]byte, n)); err != nil {
				t.Fatal(err)
			}
		}
		write(1000)
		a[0].mu.Lock()
		w.pump()
		before := a[0].tcb.sndUna
		a[0].tcb.write(make([]byte, 1000))
		a[0].output(a[0].layer.clock.now())
		if a[0].late.any() || a[0].tcb.sndUna != before+1000 {
			t.Errorf("after a segment late is %v and %d bytes are acknowledged", a[0].late.any(), a[0].tcb.sndUna-before)
		}
		a[0].unlock()
	})
}

// Only a mere ACK may be late: data wants its buffer, and its order.
func TestWhatMayBeLate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		s    segment
		want bool
	}{
		{"an ACK", segment{Header: Header{Flags: ACK}}, true},
		{"an ACK with PSH", segment{Header: Header{Flags: ACK | PSH}}, true},
		{"data", segment{Header: Header{Flags: ACK}, data: [2][]byte{{1}}}, false},
		{"a FIN", segment{Header: Header{Flags: ACK | FIN}}, false},
		{"a RST", segment{Header: Header{Flags: ACK | RST}}, false},
		{"an echo of congestion", segment{Header: Header{Flags: ACK | ECE}}, false},
	} {
		if got := c.s.isPure(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// While somebody listens nothing is late: an event wants its cause.
func TestNothingIsLateInATrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := trace.New()
		_, a, _ := newWirePair(t, packet.TxChecksum, 1500, Config{Trace: tr.Node("a")}, 1)
		a[0].mu.Lock()
		defer a[0].unlock()
		s := segment{Header: Header{Flags: ACK}}
		if !a[0].leave(&s) || !a[0].late.any() {
			t.Error("an ACK is not left, though nobody listens")
		}
		defer tr.Subscribe(func(*trace.Event) {})()
		if a[0].leave(&s) {
			t.Error("an ACK is left, though somebody listens")
		}
	})
}

// Who leaves an ACK while the lock is just given back takes it itself.
func TestLateAckOfNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := newWirePair(t, packet.TxChecksum, 1500, Config{}, 1)
		before := a[0].Info().SegsIn
		s := segment{Header: Header{Flags: ACK, Seq: a[0].tcb.irs + 1, Ack: a[0].tcb.iss + 1}}
		if !a[0].leave(&s) || a[0].late.any() || a[0].late.places.Load() != 0 {
			t.Errorf("late is %v, %d places are taken", a[0].late.any(), a[0].late.places.Load())
		}
		if got := a[0].Info().SegsIn; got != before+1 {
			t.Errorf("%d segments came in, want %d", got, before+1)
		}
	})
}

// The late ACK of a FIN ends a connection while that sends: what its buffers took is given back all the same.
func TestLateAckOfFIN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := newWirePair(t, packet.TxChecksum, 1500, Config{DelayedAck: -1}, 1)
		b[0].CloseWrite()
		w.pump()
		c := a[0]
		c.mu.Lock()
		c.tcb.write(make([]byte, 1000))
		c.tcb.close(c.layer.clock.now())
		c.settle(c.layer.clock.now())
		if got := c.layer.memory.held.Load(); got == 0 {
			t.Fatal("1000 bytes take no memory")
		}
		w.pump() // which brings the ACK of the FIN
		if !c.late.any() || c.tcb.state != LastAck {
			t.Fatalf("late is %v in %v", c.late.any(), c.tcb.state)
		}
		c.tcb.ackNow = true // there is something to send yet
		c.settle(c.layer.clock.now())
		c.unlock()
		if got := c.layer.memory.held.Load(); got != 0 || c.tcb.state != Closed {
			t.Errorf("in %v %d bytes are held", c.tcb.state, got)
		}
	})
}

// Read fills p with what has arrived, across packets that are kept whole and a part of the next.
func TestReadTakesWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ p, n, whole int }{
		{500, 500, 0},   // a part of the first
		{1000, 1000, 1}, // it all
		{2500, 2500, 2}, // two, and a part of the third
		{9000, 3000, 3}, // all there is
		{1999, 1999, 1}, // one, and nearly the next
		{0, 0, 0},
	} {
		var q tcb
		var want []byte
		for i := range 3 {
			buf := &packet.Buffer{B: bytes.Repeat([]byte{byte(i)}, 2048)}
			in := new(packet.In)
			in.Fill(buf)
			q.queue.push(buf.B[40:1040], in)
			want = append(want, buf.B[40:1040]...)
		}
		p := make([]byte, c.p)
		n, whole := q.read(p)
		chunks := 0
		for k := whole; k != nil; k = k.next {
			chunks++
		}
		whole.copyOut(p)
		checkChunks(t, &q.queue)
		if n != c.n || chunks != c.whole || string(p[:n]) != string(want[:n]) || q.queue.n != 3000-n {
			t.Errorf("of 3 packets Read(%d bytes) took %d, %d packets whole; %d are left", c.p, n, chunks, q.queue.n)
		}
	}
}
