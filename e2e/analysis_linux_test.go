package e2e

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tinystack/tinystack/tcp"
)

// analysisFields are tshark's judgements of a stream, and what they are to be
// understood by.
var analysisFields = []string{
	"tcp.stream", "tcp.len", "tcp.flags",
	"tcp.analysis.retransmission", "tcp.analysis.out_of_order", "tcp.analysis.keep_alive",
	"tcp.analysis.zero_window", "tcp.analysis.zero_window_probe", "tcp.analysis.window_full",
	"tcp.analysis.duplicate_ack_num",
}

// maxSegment is the data in a segment of wire size, with timestamps, over an MTU of 1500.
const maxSegment = 1448

// Directions, as tshark numbers them.
const (
	inbound  = "1"
	outbound = "2"
)

// has reports whether tshark made the judgement of the packet.
func (r row) has(judgement string) bool { return r["tcp.analysis."+judgement] != "" }

func (r row) direction() string { return number(r["frame.packet_flags_direction"]) }

func (r row) int(field string) int {
	n, _ := strconv.Atoi(number(r[field]))
	return n
}

// time returns when the packet was captured.
func (r row) time() time.Time {
	seconds, nanos, _ := strings.Cut(r["frame.time_epoch"], ".")
	s, _ := strconv.ParseInt(seconds, 10, 64)
	ns, _ := strconv.ParseInt(nanos, 10, 64)
	return time.Unix(s, ns)
}

// wantAnalysisAgrees compares what our counters say of TCP with what tshark makes of the
// packets up to then. These differences are explained, and taken into account:
//
//   - A retransmission soon after other data is "out of order" to tshark, which
//     can't know that it sees the sender's own side.
//   - A single byte sent again, the last so far, looks like a keepalive with data; a keepalive
//     of ours has none.
//   - tshark does not take a window probe for sent: the next number that it expects is still the
//     probe's, and the byte, sent again when the window has opened, is new to it.
//   - What is sent into a window too small for a whole segment, since no better one
//     came (RFC 9293 3.8.6.2.1), is a probe to us; tshark notes that it fills the window.
//   - tshark calls no window zero in a window probe, or in a segment with a FIN.
//   - To us a duplicate ACK is, with SACK, what brings news of what has arrived
//     (RFC 6675 2), whatever its window; to tshark one that repeats all but the
//     SACK blocks.
func wantAnalysisAgrees(t *testing.T, rows []row, counted snapshot) (sent sentCounts, dups duplicates) {
	t.Helper()
	streams, probes := make(map[string]*sackState), make(map[string]string)
	for _, r := range rows {
		switch {
		case r["tcp.stream"] == "" || strings.Contains(r["tcp.stream"], ","): // not TCP, or quoted by ICMP
		case r.time().After(counted.Time):
		case r.direction() == inbound:
			dups.see(r, streams)
		default:
			sent.see(r, probes)
		}
	}
	t.Logf("tshark sees %+v, %+v", sent, dups)
	ours := func(name string) int { return int(counted.Counters["Tcp"+name]) }
	wantBetween(t, "keepalives", ours("KeepAliveProbes"), sent.keepAlives, 0)
	wantBetween(t, "segments sent again, and window probes", ours("RetransSegs")+ours("ZeroWindowProbes"), sent.again, sent.fill)
	wantBetween(t, "windows of zero", ours("ZeroWindowsSent"), sent.zeroWindows, 0)
	wantBetween(t, "duplicate ACKs", ours("DupAcksReceived"), dups.flagged-dups.noNews+dups.newWindow, 0)
	return sent, dups
}

// wantBetween checks that the counters have what tshark sees, or more by up to slack.
func wantBetween(t *testing.T, what string, ours, tshark, slack int) {
	t.Helper()
	if ours < tshark || ours > tshark+slack {
		t.Errorf("%s: tshark sees %d, and %d that may be more; the counters have %d", what, tshark, slack, ours)
	}
}

// sentCounts are tshark's judgements of what the stack sent.
type sentCounts struct {
	keepAlives  int
	again       int // segments of wire size
	fill        int // what may be a probe that fills a small window
	zeroWindows int
}

// see counts a segment. Of each stream probes has the sequence number of the last window probe.
func (c *sentCounts) see(r row, probes map[string]string) {
	data, stream, seq := r.int("tcp.len"), r["tcp.stream"], r["tcp.seq_raw"]
	if r.has("zero_window_probe") {
		probes[stream] = seq
	}
	switch {
	case r.has("keep_alive") && data == 0:
		c.keepAlives++
	case r.has("retransmission"), r.has("out_of_order"), r.has("zero_window_probe"), r.has("keep_alive"):
		c.again += max(1, (data+maxSegment-1)/maxSegment)
	case data == 1 && seq == probes[stream]:
		c.again++
	case r.has("window_full") && data < maxSegment:
		c.fill++
	}
	fin := tcp.Flags(r.int("tcp.flags")).Has(tcp.FIN)
	if r.has("zero_window") || r.int("tcp.window_size_value") == 0 && (fin || r.has("zero_window_probe")) {
		c.zeroWindows++
	}
}

// duplicates counts the ACKs of the host.
type duplicates struct {
	flagged   int // by tshark
	noNews    int // of those, without news in their SACK blocks
	newWindow int // with news, and the same ACK as before, but not flagged: the window differs
}

// sackState is what a stream's ACKs have told.
type sackState struct {
	ack  uint32
	told []sackBlock // what lies beyond
}

func (d *duplicates) see(r row, streams map[string]*sackState) {
	s := streams[r["tcp.stream"]]
	if s == nil {
		s = new(sackState)
		streams[r["tcp.stream"]] = s
	}
	ack := uint32(r.int("tcp.ack_raw"))
	same := ack == s.ack
	s.ack = ack
	news := s.news(r)
	flags := tcp.Flags(r.int("tcp.flags"))
	pure := r.int("tcp.len") == 0 && flags&(tcp.SYN|tcp.FIN|tcp.RST) == 0
	switch {
	case r.has("duplicate_ack_num"):
		d.flagged++
		if !news {
			d.noNews++
		}
	case same && pure && news:
		d.newWindow++
	}
}

// news reports whether the SACK blocks tell of bytes that those before did not.
func (s *sackState) news(r row) (news bool) {
	left, right := strings.Split(r["tcp.options.sack_le"], ","), strings.Split(r["tcp.options.sack_re"], ",")
	for i := range left {
		from, err := strconv.ParseUint(left[i], 10, 32)
		if err != nil {
			continue
		}
		to, _ := strconv.ParseUint(right[i], 10, 32)
		news = s.add(sackBlock{uint32(from), uint32(to)}) || news
	}
	return news
}

// sackBlock is a range of sequence numbers, to the first beyond it.
type sackBlock struct{ from, to uint32 }

func (b sackBlock) has(n uint32) bool { return int32(n-b.from) >= 0 && int32(n-b.to) < 0 }

// add notes a block and reports whether some of it, beyond ack, is new: its
// start is, or the end of an older block within it.
func (s *sackState) add(b sackBlock) (news bool) {
	if int32(b.from-s.ack) < 0 {
		b.from = s.ack
	}
	if int32(b.to-b.from) <= 0 {
		return false
	}
	news = !s.covered(b.from)
	kept := s.told[:0:0]
	for _, old := range s.told {
		news = news || b.has(old.to) && !s.covered(old.to)
		if int32(old.to-s.ack) > 0 && !(b.has(old.from) && b.has(old.to-1)) {
			kept = append(kept, old)
		}
	}
	s.told = append(kept, b)
	return news
}

func (s *sackState) covered(n uint32) bool {
	return slices.ContainsFunc(s.told, func(b sackBlock) bool { return b.has(n) })
}
