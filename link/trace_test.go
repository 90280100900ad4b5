package link

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/internal/tracetest"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// marked is a datagram that was sent as an event of its own.
func marked(n *trace.Node, number int) *packet.Out {
	p := datagram(number, 100)
	call := n.Emit(trace.Event{Kind: trace.Call})
	p.Mark = trace.Mark{Cause: call, Rule: "because"}
	p.Mark.ID = n.Emit(trace.Event{Kind: trace.Sent, Cause: call, Rule: "because"})
	return p
}

// A mark arrives with its packet, also over a bad wire, and of a packet that
// comes twice with both.
func TestMarkTravels(t *testing.T) { synctest.Test(t, testMarkTravels) }

func testMarkTravels(t *testing.T) {
	tr := trace.New()
	tracetest.Listen(t, tr)
	twice := ImpairConfig{}
	twice.DuplicateIf = Packets(1)
	r := newRig(t, twice, PairConfig{})
	tapped := NewCapture(r.far)
	tapped.Trace(tr.Node("far"))
	tap := tap(t, tapped, TapConfig{})
	p := marked(tr.Node("near"), 1)
	sent := p.Mark
	write(t, r.dev, p)
	write(t, r.dev, datagram(2, 100))
	var got []trace.Mark
	for range 3 {
		if _, _, err := tapped.Read(make([]byte, 2048), true); err != nil {
			t.Fatal(err)
		}
		got = append(got, tapped.Mark())
	}
	if got[0].ID != sent.ID || got[1].ID != sent.ID || got[0].Rule != "because" || got[2].ID != 0 {
		t.Errorf("the marks are %+v, that of the packet sent %+v", got, sent)
	}
	if got[0].Arrival == 0 || got[0].Arrival == got[1].Arrival || got[2].Arrival == 0 {
		t.Errorf("arrivals %d, %d, %d", got[0].Arrival, got[1].Arrival, got[2].Arrival)
	}
	tap.Close()
	for i, c := range all(t, tap) {
		if c.Mark != got[i] {
			t.Errorf("packet %d was copied with %+v, and arrived with %+v", i, c.Mark, got[i])
		}
	}
}

// Each way to lose a packet is told, with its cause and the counter's name.
func TestLossIsTold(t *testing.T) { synctest.Test(t, testLossIsTold) }

func testLossIsTold(t *testing.T) {
	tr := trace.New()
	log := tracetest.Listen(t, tr)
	node := tr.Node("a")
	want := func(name string) {
		t.Helper()
		found := log.Events(func(e *trace.Event) bool { return e.Kind == trace.Dropped && e.Name == name })
		if len(found) != 1 || found[0].Packet.Len != 100 || len(found[0].Packet.Head) != 100 {
			t.Errorf("%d events %s", len(found), name)
		}
	}
	lossy := parsed(t, "loss=100%")
	r := newRig(t, lossy, PairConfig{})
	r.dev.Trace(node)
	write(t, r.dev, marked(node, 1))
	want("Lost")

	slow := parsed(t, "rate=1kbit,queue=1ms")
	r = newRig(t, slow, PairConfig{})
	r.dev.Trace(node)
	write(t, r.dev, marked(node, 1))
	write(t, r.dev, marked(node, 2))
	want("QueueDrops")

	r = newRig(t, ImpairConfig{}, PairConfig{})
	r.dev.Trace(node)
	r.dev.dev.Close()
	write(t, r.dev, marked(node, 1))
	time.Sleep(time.Second)
	want("WriteErrors")

	near, far := Pair(PairConfig{Queue: 1})
	near.Trace(node)
	far.Close()
	write(t, near, marked(node, 1))
	want("PeerClosed")
}

// The loss of a packet from outside of what is traced has the packet's coming as its cause.
func TestLossFromOutside(t *testing.T) { synctest.Test(t, testLossFromOutside) }

func testLossFromOutside(t *testing.T) {
	tr := trace.New()
	log := tracetest.Listen(t, tr)
	r := newRig(t, parsed(t, "loss=100%"), PairConfig{})
	r.dev.Trace(tr.Node("a"))
	write(t, r.far, datagram(1, 100))
	synctest.Wait()
	lost := log.Events(func(e *trace.Event) bool { return e.Kind == trace.Dropped })
	if len(lost) != 1 {
		t.Fatalf("%d packets lost", len(lost))
	}
	if s := log.Story(lost[0]); s != "a | received |  | \na | dropped | Lost | "+string(ruleLoss) {
		t.Errorf("its story is %s", s)
	}
}
