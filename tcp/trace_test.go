package tcp

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// Each reason to send has a rule of its own, and each counter among the reasons to drop a segment too.
func TestRules(t *testing.T) {
	t.Parallel()
	seen := map[trace.Rule]why{}
	for w := range whyNoConn + 1 {
		rule := rules[w]
		if other, twice := seen[rule]; rule == "" || twice {
			t.Errorf("reason %d has the rule %q, as reason %d", w, rule, other)
		}
		seen[rule] = w
		if w != whyNew && !strings.Contains(string(rule), ", RFC ") {
			t.Errorf("rule %q does not say where it is from", rule)
		}
	}
	records := map[string]bool{"TcpSynEvicted": true, "TcpTimeWaitOverflow": true} // of records, not segments
	known := map[string]bool{"TcpOutErrors": true}
	fields := reflect.VisibleFields(reflect.TypeFor[Stats]())
	for i := range fields {
		name := "Tcp" + fields[i].Name
		if between(fields, i, "InTruncated", "TimeWaitOverflow") && !records[name] {
			known[name] = true
		}
	}
	for name := range known {
		if dropRules[name] == "" {
			t.Errorf("%s has no rule", name)
		}
	}
	for name := range dropRules {
		if !known[name] {
			t.Errorf("%s is no reason to drop", name)
		}
	}
	for state := Closed; state <= TimeWait; state++ {
		if stateRules[state] == "" && state != Listen {
			t.Errorf("state %v has no rule", state)
		}
	}
}

// between reports whether the i-th field is from the one named first to the one named last.
func between(fields []reflect.StructField, i int, first, last string) bool {
	from, to := 0, 0
	for j, f := range fields {
		switch f.Name {
		case first:
			from = j
		case last:
			to = j
		}
	}
	return from <= i && i <= to
}

// Congestion control has a rule in whatever phase it is.
func TestPhases(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{CUBIC, Reno, BBR} {
		c := tcb{cc: newCongestion(algorithm, 1460, 1)}
		for c.phase = open; c.phase <= loss; c.phase++ {
			if name := c.phaseName(); phaseRules[name] == "" {
				t.Errorf("%s has no rule in %s", algorithm, name)
			}
		}
		c.phase = open
		c.cc.lost(1, 20*1460)
		if name := c.phaseName(); algorithm != BBR && name != "congestion avoidance" || phaseRules[name] == "" {
			t.Errorf("after a loss %s is in %s", algorithm, name)
		}
	}
	for state := bbrStartup; state <= bbrRTT; state++ {
		if name := (&bbr{state: state}).stage(); phaseRules[name] == "" {
			t.Errorf("BBR's %s has no rule", name)
		}
	}
}

// A header is described as tcpdump would, and nonsense not at all.
func TestDescribe(t *testing.T) {
	t.Parallel()
	h := Header{
		SrcPort: 1, DstPort: 2, Seq: 3, Ack: 4, Flags: SYN | ACK | ECE, Window: 5,
		Options: Options{MSS: 1460, SACKPermitted: true, HasTimestamps: true, TSVal: 6, TSEcr: 7, HasWindowScale: true, WindowScale: 8},
	}
	var l Layer
	var p trace.Packet
	b := h.AppendTo(nil)
	l.Describe(b, len(b)+100, &p)
	want := trace.Segment{Flags: "SE.", Seq: 3, Ack: 4, Window: 5, Data: 100, Options: "mss 1460, sackOK, TS val 6 ecr 7, wscale 8"}
	if p.SrcPort != 1 || p.DstPort != 2 || *p.TCP != want {
		t.Errorf("described as %+v", p.TCP)
	}
	h = Header{Flags: FIN | PSH | RST | URG | CWR, Ack: 9}
	h.Options.NumSACK, h.Options.SACK = 2, [maxSACK]Block{{1, 2}, {3, 4}}
	b = h.AppendTo(nil)
	l.Describe(b, len(b), &p)
	if want := (trace.Segment{Flags: "FRPUW", Options: "sack 2 {1:2} {3:4}"}); *p.TCP != want {
		t.Errorf("described as %+v", p.TCP)
	}
	p = trace.Packet{}
	if l.Describe(b[:10], 10, &p); p.TCP != nil {
		t.Errorf("10 bytes are described as %+v", p.TCP)
	}
}

// A listener that comes when connections are there already gets their events from then on, and no
// changes that were before.
func TestTraceBeginsLate(t *testing.T) {
	t.Parallel()
	tr := trace.New()
	cfg, err := Config{Trace: tr.Node("a")}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	l := &Layer{cfg: cfg, trace: cfg.Trace}
	c := &Conn{layer: l, tuple: tuple{netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:2")}}
	c.tcb.init(&l.cfg, &l.stats, 1, 1)
	c.tcb.state = Established
	c.observe()
	c.received(&segment{in: &packet.In{}})
	if c.story != nil || c.Heard() != 0 {
		t.Error("there is a story, and nobody listens")
	}
	var got []*trace.Event
	defer tr.Subscribe(func(e *trace.Event) { got = append(got, e) })()
	c.received(&segment{in: &packet.In{Event: 7}})
	c.observe()
	if len(got) != 0 {
		t.Errorf("told: %+v", got[0])
	}
	c.tcb.state = CloseWait
	c.observe()
	c.hasRead()
	c.called("close", "")
	if len(got) != 2 || got[0].Cause != 7 || got[0].State.From != "ESTABLISHED" || got[1].Cause != 7 || c.Heard() != 7 {
		t.Errorf("%d events", len(got))
	}
}

// Whatever bytes a segment consists of, they can be described, and what is says no more than there is.
func FuzzDescribe(f *testing.F) {
	h := Header{Flags: SYN, Options: Options{MSS: 1460, SACKPermitted: true}}
	f.Add(h.AppendTo(nil))
	f.Add([]byte{12: 0xf0, 59: 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var l Layer
		var p trace.Packet
		l.Describe(b, len(b), &p)
		if p.TCP != nil && (p.TCP.Data < 0 || p.TCP.Data > len(b)-minHeaderLen) {
			t.Errorf("%d bytes hold %d of data", len(b), p.TCP.Data)
		}
	})
}
