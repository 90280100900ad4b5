package trace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Each subscriber gets every event, in the order of their numbers, until it cancels.
func TestSubscribers(t *testing.T) {
	t.Parallel()
	tr := New()
	n := tr.Node("a")
	if n.On() || n.Emit(Event{Kind: Call}) != 0 {
		t.Error("an event was emitted with nobody to listen")
	}
	var first, second []ID
	cancelFirst := tr.Subscribe(func(e *Event) { first = append(first, e.ID) })
	cancelSecond := tr.Subscribe(func(e *Event) { second = append(second, e.ID) })
	n.Emit(Event{Kind: Call})
	cancelFirst()
	n.Emit(Event{Kind: Call})
	cancelSecond()
	n.Emit(Event{Kind: Call})
	if !reflect.DeepEqual(first, []ID{1}) || !reflect.DeepEqual(second, []ID{1, 2}) {
		t.Errorf("the first got %v, the second %v", first, second)
	}
	if n.On() {
		t.Error("somebody listens after all have canceled")
	}
}

// Events of many goroutines have numbers of their own and come one at a time.
func TestConcurrentEmit(t *testing.T) {
	t.Parallel()
	const goroutines, each = 8, 500
	tr := New()
	var got []ID
	defer tr.Subscribe(func(e *Event) { got = append(got, e.ID) })()
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			n := tr.Node("a")
			for range each {
				n.Emit(Event{Kind: Timer})
			}
		})
	}
	wg.Wait()
	for i, id := range got[1:] {
		if id <= got[i] {
			t.Fatalf("event %d came after %d", id, got[i])
		}
	}
	if len(got) != goroutines*each {
		t.Errorf("%d events of %d", len(got), goroutines*each)
	}
}

// An event takes the number that was reserved for it, and node and time of its emission.
func TestReserved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := New()
		n := tr.Node("router")
		var got *Event
		defer tr.Subscribe(func(e *Event) { got = e })()
		id := n.Reserve()
		n.Emit(Event{Kind: Timer})
		time.Sleep(time.Second)
		if n.Emit(Event{ID: id, Kind: Received}) != id || got.ID != id {
			t.Errorf("it is event %d, not %d as reserved", got.ID, id)
		}
		if got.Node != "router" || !got.Time.Equal(time.Now()) {
			t.Errorf("it happened at %s, %v", got.Node, got.Time)
		}
	})
}

// A nil node is one that nobody listens to.
func TestNilNode(t *testing.T) {
	t.Parallel()
	var n *Node
	if n.On() || n.Emit(Event{}) != 0 || n.Name() != "" {
		t.Error("a nil node does something")
	}
}

// A full ring keeps the latest events and says how many it lost.
func TestRing(t *testing.T) {
	t.Parallel()
	r := NewRing(3)
	want := func(lost uint64, ids ...ID) {
		t.Helper()
		events, n := r.Take()
		var got []ID
		for _, e := range events {
			got = append(got, e.ID)
		}
		if n != lost || !reflect.DeepEqual(got, ids) {
			t.Errorf("took %v, %d lost; want %v, %d lost", got, n, ids, lost)
		}
	}
	want(0)
	for id := range ID(5) {
		r.Add(&Event{ID: id + 1})
	}
	want(2, 3, 4, 5)
	r.Add(&Event{ID: 6})
	want(0, 6)
	want(0)
	if r = NewRing(-1); len(r.events) != 1 {
		t.Errorf("a ring of %d events", len(r.events))
	}
}

// Wait returns when there is an event, or its context ends.
func TestRingWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := NewRing(2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waited for nothing: %v", err)
		}
		time.AfterFunc(time.Minute, func() { r.Add(&Event{ID: 1}) })
		if err := r.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if events, _ := r.Take(); len(events) != 1 {
			t.Errorf("%d events after the wait", len(events))
		}
	})
}

// full has a value in every field.
func full() *Event {
	addr, port := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddrPort("192.0.2.1:80")
	entry := RouteEntry{netip.MustParsePrefix("192.0.2.0/24"), addr, "eth0", 5}
	return &Event{
		ID: 2, Cause: 1, Time: time.Unix(1, 2).UTC(), Node: "a", Kind: Sent, Name: "x",
		Conn: Conn{"tcp", port, port}, Rule: "because, RFC 1 2.3", Text: "<text>",
		Packet: &Packet{
			"eth0", addr, addr, "tcp", 64, 1500, 8, true, 1448, 1, 2,
			&Segment{"S.", 1, 2, 3, 4, "mss 1460"}, &ICMP{3, 4},
			[]byte{0x45},
		},
		State:      &State{"SYN-SENT", "ESTABLISHED"},
		Window:     &Window{1, 2},
		Congestion: &Congestion{"cubic", "recovery", 1, 2, 3, 4, 5, 6},
		Route:      &Route{addr, entry, []RouteEntry{entry}},
		DNS:        &DNS{"a.", "A", "192.0.2.1:53", 1, "NOERROR", "referral", []string{"x"}, []string{"y"}, 300},
		HTTP:       &HTTP{"GET", "http://a/", 200, []string{"A: b"}, 5},
	}
}

// What is written as JSON is read back the same, field by field, on one line.
func TestJSON(t *testing.T) {
	t.Parallel()
	event := full()
	for i := range reflect.TypeFor[Event]().NumField() {
		if reflect.ValueOf(event).Elem().Field(i).IsZero() {
			t.Errorf("the test has no value for %s", reflect.TypeFor[Event]().Field(i).Name)
		}
	}
	var b bytes.Buffer
	enc := NewEncoder(&b)
	if err := errors.Join(enc.Encode(event), enc.Lost(0), enc.Lost(7)); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(b.String(), "\n")
	if len(lines) != 3 || lines[1] != `{"schema":1,"lost":7}`+"\n" {
		t.Fatalf("lines: %q", lines)
	}
	if !strings.HasPrefix(lines[0], `{"schema":1,"id":2,"cause":1,`) {
		t.Errorf("line: %s", lines[0])
	}
	var got Event
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&got, event) {
		t.Errorf("read back %+v,\nwritten %+v", got, event)
	}
}

// An event's JSON is short: what is zero is left out.
func TestJSONIsShort(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	NewEncoder(&b).Encode(&Event{ID: 1, Kind: Timer, Node: "a", Name: "delayed-ack", Time: time.Unix(0, 0).UTC()})
	const want = `{"schema":1,"id":1,"time":"1970-01-01T00:00:00Z","node":"a","kind":"timer","name":"delayed-ack"}` + "\n"
	if b.String() != want {
		t.Errorf("got  %swant %s", b.String(), want)
	}
}

// Each kind has a text form, and it is its own.
func TestKinds(t *testing.T) {
	t.Parallel()
	for k := Call; k <= Response; k++ {
		text, _ := k.MarshalText()
		var back Kind
		if err := back.UnmarshalText(text); err != nil || back != k {
			t.Errorf("kind %d is %q, which is kind %d, %v", k, text, back, err)
		}
	}
	var k Kind
	for _, bad := range []string{"", "unknown", "Sent"} {
		if k.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q is kind %v", bad, k)
		}
	}
	if k = Response + 1; k.String() != "unknown" {
		t.Errorf("kind %d is %v", k, k)
	}
}

// A packet's comment says which event it is, and because of what.
func TestComment(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]Mark{
		"":        {},
		"event 5": {Arrival: 5},
		"event 3": {ID: 3},
		"event 3, because of event 2: duplicate, RFC 1":                  {ID: 3, Cause: 2, Rule: "duplicate, RFC 1"},
		"event 4, sent as event 3, because of event 2: duplicate, RFC 1": {3, 2, "duplicate, RFC 1", 4},
	} {
		if got := m.Comment(); got != want {
			t.Errorf("comment %q, want %q", got, want)
		}
	}
}

// What a peer says is cut where it is too long.
func TestBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxText)
	for _, tt := range []struct{ lines, want []string }{
		{nil, nil},
		{[]string{"a", "b"}, []string{"a", "b"}},
		{[]string{long}, []string{long}},
		{[]string{long + "y"}, []string{long + "..."}},
		{[]string{"a", long, "b"}, []string{"a", long[1:] + "..."}},
		{[]string{long, "b", "c"}, []string{long, "..."}},
	} {
		given := append([]string(nil), tt.lines...)
		if got := Bounded(tt.lines); !reflect.DeepEqual(got, tt.want) || !reflect.DeepEqual(tt.lines, given) {
			t.Errorf("of lines of %d bytes there are left %d", total(given), total(got))
		}
	}
}

func total(lines []string) int { return len(strings.Join(lines, "")) }

// A cause goes along in a context.
func TestCause(t *testing.T) {
	t.Parallel()
	ctx := WithCause(t.Context(), 7)
	if Cause(ctx) != 7 || Cause(t.Context()) != 0 || Cause(WithCause(ctx, 0)) != 7 {
		t.Error("the context has another cause")
	}
}

// What a layer pays for each event it does not emit.
func BenchmarkOff(b *testing.B) {
	for name, n := range map[string]*Node{"nil": nil, "nobody": New().Node("a")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n.On() {
					n.Emit(Event{Kind: Timer})
				}
			}
		})
	}
}

// What it pays for one that goes into a ring.
func BenchmarkRing(b *testing.B) {
	tr := New()
	defer tr.Subscribe(NewRing(1000).Add)()
	n := tr.Node("a")
	b.ReportAllocs()
	for b.Loop() {
		if n.On() {
			n.Emit(Event{Kind: Timer})
		}
	}
}

// Nothing is allocated while nobody listens.
func TestOffAllocatesNothing(t *testing.T) {
	for _, n := range []*Node{nil, New().Node("a")} {
		if allocs := testing.AllocsPerRun(100, func() {
			if n.On() {
				n.Emit(Event{Kind: Timer})
			}
		}); allocs != 0 {
			t.Errorf("%v allocations", allocs)
		}
	}
}
