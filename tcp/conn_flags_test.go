package tcp

import (
	"testing"
	"testing/synctest"
)

// Data with a SYN may be sent (RFC 9293 3.10.7.2); we take it when it comes again,
// for a half-open connection holds none.
func TestSynWithData(t *testing.T) { synctest.Test(t, testSynWithData) }

func testSynWithData(t *testing.T) {
	tc := newTestLayer(t, setup{noDelAck: true})
	tc.listen(hostPort)
	tc.inject(seg{flags: SYN, n: 100, opts: tc.synOptions()})
	tc.wantSYNACK("the SYN alone is acknowledged")
	tc.inject(seg{seq: 1, ack: 1, n: 100})
	tc.want("now the data too", seg{seq: 1, ack: 101})
	tc.accept()
	tc.read(100)
}

// Urgent data is delivered in line (RFC 6093).
func TestUrgentIsInLine(t *testing.T) { synctest.Test(t, testUrgentIsInLine) }

func testUrgentIsInLine(t *testing.T) {
	// https://www.rfc-editor.org/rfc/rfc6093#section-6
	tc := newTestConn(t, setup{noDelAck: true})
	b := tc.encode(&seg{flags: ACK | URG, seq: 1, ack: 1, n: 10})
	b[18], b[19] = 0, 5
	tc.receive(tc.sum(b), tc.in.Offload)
	tc.want("ACK", seg{seq: 1, ack: 11})
	tc.read(10)
}

func TestPush(t *testing.T) { synctest.Test(t, testPush) }

func testPush(t *testing.T) {
	// "a TCP endpoint MUST set the PSH bit in the last buffered segment (i.e., when there
	// is no more queued data to be sent)" (MUST-60)
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
	tc := newTestConn(t, setup{wnd: 3000})
	tc.write(5000)
	for i := range 3 {
		if s := tc.take("data"); s.Flags.Has(PSH) {
			t.Errorf("segment %d has PSH, and more is queued", i)
		}
	}
	tc.inject(seg{seq: 1, ack: 3001})
	if s := tc.take("data"); s.Flags.Has(PSH) {
		t.Error("the last but one has PSH")
	}
	if s := tc.take("data"); !s.Flags.Has(PSH) {
		t.Error("the last has no PSH")
	}
}

// A pure ACK is never answered, or two hosts would go on for ever.
func TestAckIsNotAnswered(t *testing.T) { synctest.Test(t, testAckIsNotAnswered) }

func testAckIsNotAnswered(t *testing.T) {
	tc := newTestConn(t, setup{})
	for range 10 {
		tc.inject(seg{seq: 1, ack: 1}, seg{seq: 1, ack: 1, wnd: 1000}, seg{seq: 100, ack: 1})
	}
	tc.wantIdle("nothing to say")
}
