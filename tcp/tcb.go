package tcp

import (
	"net"
	"time"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// tcb is a connection's state (RFC 9293 3.3.1) and the pure half of TCP: it has
// no lock, no goroutine and no clock. Segments go in by receive, come out by
// next; time goes in as now, and the next moment it matters comes out by
// nextTimeout. Positions in the two streams are int64 and do not wrap: the SYN
// is at 0, the first byte of data at 1.
type tcb struct {
	cfg   *Config
	stats *Stats
	state State

	// What was agreed on, and the path.
	tsOK, sackOK bool
	scaleOK      bool
	sndScale     uint8 // of the windows we are told
	rcvScale     uint8 // of the windows we tell
	peerMSS      uint16
	advMSS       uint16 // the MSS we announced
	tso          bool   // the device splits super-segments
	ecn          ecnState
	notSentLowat int32  // in bytes; 0: there is no mark
	maxSegment   int    // bytes of TCP header options and data that the path's MTU takes
	tsOffset     uint32 // of our timestamp clock
	tsRecent     uint32 // RFC 7323 4.3
	tsRecentAt   instant
	userTimeout  time.Duration
	keepAlive    *net.KeepAliveConfig // nil: as cfg has it
	cc           congestion
	rtt          rtt

	// Send sequence space.
	iss        Seq
	nagle      bool
	cwndFull   bool // cwnd was what stopped the last sending
	persisting bool // rexmitAt is the persist timer
	starved    bool // the last write was cut short for want of room
	sndUna     int64
	sndNxt     int64
	sndWnd     int
	maxSndWnd  int
	sndWl1     int64
	sndWl2     int64
	finAt      int64 // position of our FIN; 0: not closed yet
	sndBuf     ring
	sndBufMax  int32
	sndBufSet  bool    // the application has set sndBufMax: it is not tuned
	sacks      bool    // SACK was agreed on, and nothing says that blocks are taken out on the way
	fl         *flight // nil: nothing is in flight
	limits     *limits // nil: no data was sent yet

	// What is to be sent beside new data.
	refuseAck Seq
	ackNow    bool // an ACK, at once
	ackBatch  bool // an ACK, at the end of the batch
	probe     bool // a window probe
	keepProbe bool // a keepalive probe
	resendNow bool // the first run that is lost, whatever cwnd says
	tailProbe bool // a tail loss probe
	resetNow  bool // a RST
	refuseNow bool // a RST for an ACK of refuseAck
	ackWhy    why  // of ackNow, ackBatch or ackDue, the one set last
	lossWhy   why  // of what is to be sent again

	// Loss recovery.
	probes uint8 // keepalive probes unanswered
	phase  phase
	rep    *repair // nil: nothing was lost, probed or reordered so far

	// Receive sequence space.
	irs         Seq
	noReader    bool // the application reads no more: data is dropped
	orphan      bool // the application has closed: data is answered with RST
	rcvBufSet   bool // the application has set rcvBuf: it is not tuned
	pressure    pressure
	rcvNxt      int64
	rcvEdge     int64     // one beyond the window as the peer knows it; never goes back
	rcvFin      int64     // position of the peer's FIN; 0: not seen
	rcvBuf      int32     // the most to hold for the application
	rcvMSS      int32     // largest segment seen
	tuner       *rcvTuner // of rcvBuf; nil: there is nothing to tune yet, or no more
	lastAckSent int64
	ackDue      instant // delayed ACK; 0: none
	dsack       span    // duplicate to report in the next ACK
	queue       recvQueue
	posted      []byte // a waiting Read's buffer
	postedN     int32  // bytes put into it
	charged     int32  // bytes that the layer knows all buffers take
	ooo         *reassembly

	// Timers; 0: off.
	rexmitAt    instant
	keepAt      instant
	lingerAt    instant // an orphan in FIN-WAIT-2 ends then
	lastRecv    instant // of any segment
	lastData    instant // of a segment with data from the peer
	lastSent    instant // of a segment with data, SYN or FIN
	lastAcked   instant // of progress: una moved, or the first of a flight went out
	challengeAt instant // an ACK in answer to a bad segment may be sent again

	err     error // why the connection ended
	softErr error // an ICMP error that may pass
	counts  totals
}

// totals are a connection's own counts, for Info.
type totals struct {
	segsIn, segsOut         uint32
	dataSegsIn, dataSegsOut uint32
	bytesRetrans            uint64
	retrans                 uint32 // segments
	dsacks                  uint32
	timeouts                uint32
	oooSegs                 uint32
}

// phase is what loss recovery is doing.
type phase uint8

const (
	open     phase = iota // nothing is known to be missing
	cwr                   // likewise, and cwnd is being reduced (RFC 3168)
	recovery              // fast recovery (RFC 8985 and 6675, or RFC 6582 without SACK)
	loss                  // after a retransmission timeout
)

// segment is a segment as the core gets and gives it: its ports and checksum
// are the wrapper's business.
type segment struct {
	Header
	data    [2][]byte // in: only the first
	in      *packet.In
	again   bool     // out: nothing in it is new
	why     why      // out
	segSize int      // bytes of data in each segment on the wire, if it is a super-segment
	ecn     uint8    // the IP header's ECN field
	queue   uint8    // of the device's queues, its
	dropped *uint64  // in: the counter of the last reason to drop it, or a part of it
	cause   trace.ID // out: of its being sent
}

func (s *segment) dataLen() int { return len(s.data[0]) + len(s.data[1]) }

// onWire is the number of segments it is on the wire.
func (s *segment) onWire() uint64 {
	if s.segSize == 0 {
		return 1
	}
	return max(1, uint64((s.dataLen()+s.segSize-1)/s.segSize))
}

// seqLen is the sequence space the segment takes (SEG.LEN).
func (s *segment) seqLen() int64 {
	n := int64(s.dataLen())
	if s.Flags.Has(SYN) {
		n++
	}
	if s.Flags.Has(FIN) {
		n++
	}
	return n
}

// init sets what all connections start with.
func (c *tcb) init(cfg *Config, stats *Stats, iss Seq, tsOffset uint32) {
	c.cfg, c.stats = cfg, stats
	c.iss, c.tsOffset = iss, tsOffset
	c.sndBuf.start = 1
	c.sndBufMax, c.rcvBuf = int32(cfg.SendBuffer), int32(min(cfg.ReceiveBuffer, initialReceiveBuffer))
	c.notSentLowat = int32(cfg.NotSentLowat)
	c.peerMSS = defaultMSS
}

// sndPos is the position in our stream of a sequence number near what is in flight.
func (c *tcb) sndPos(s Seq) int64 { return c.sndUna + int64(s.Sub(c.iss+Seq(c.sndUna))) }

// rcvPos is the position in the peer's stream of a sequence number near the window.
func (c *tcb) rcvPos(s Seq) int64 { return c.rcvNxt + int64(s.Sub(c.irs+Seq(c.rcvNxt))) }

// tsNow is our timestamp clock: milliseconds (RFC 7323 5.4), from a random start.
func (c *tcb) tsNow(now instant) uint32 {
	return uint32(int64(now)/int64(time.Millisecond)) + c.tsOffset
}

// unsent is the number of bytes written that have never been sent.
func (c *tcb) unsent() int { return max(0, int(c.sndBuf.end()-max(c.sndNxt, 1))) }

// finUnsent reports whether our FIN has still to be sent for the first time.
func (c *tcb) finUnsent() bool { return c.finAt != 0 && c.sndNxt <= c.finAt }

// inFlight is FlightSize (RFC 5681 2).
func (c *tcb) inFlight() int { return int(c.sndNxt - c.sndUna) }

// pipe is the number of bytes thought to be in the network (RFC 6675 3).
func (c *tcb) pipe() int {
	switch {
	case c.fl == nil:
		return 0
	case c.rep == nil:
		return c.fl.pipe
	}
	return max(0, c.fl.pipe-c.rep.dupAcked)
}

// end moves to CLOSED and frees everything but data not yet read.
func (c *tcb) end(err error) {
	switch c.state {
	case Closed:
		return
	case SynSent, SynReceived:
		counter.Inc(&c.stats.AttemptFails)
	case Established, CloseWait:
		counter.Inc(&c.stats.EstabResets)
	}
	if c.err == nil {
		c.err = err
	}
	c.state = Closed
	c.sndBuf.free()
	c.freeFlight()
	c.freeReassembly()
	c.ackNow, c.ackBatch, c.ackDue = false, false, 0
	c.rexmitAt, c.keepAt, c.lingerAt = 0, 0, 0
	c.probe, c.keepProbe = false, false
}

func (c *tcb) freeFlight() {
	if c.fl != nil {
		c.fl.release()
		c.fl = nil
	}
}

func (c *tcb) freeReassembly() {
	if c.ooo != nil {
		c.ooo.free()
		c.ooo = nil
	}
}
