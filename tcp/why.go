package tcp

import (
	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/trace"
)

// why is the reason for a segment: an index of rules. The core stores it where it decides
// to send, whether or not anybody wants to know.
type why uint8

// The reasons there are.
const (
	whyNew why = iota // new data, or a SYN or FIN: newWhy tells which
	whySYN
	whyFIN
	whyInitialWindow
	whyData
	whyLimitedTransmit
	whyReduction
	whyFRTO

	whySYNAgain
	whySimultaneous
	whyRACK
	whyReorderTimer
	whyThirdDuplicate
	whyPartialAck
	whyTimeout
	whyPathShrank
	whyWindowOpened
	whyTailProbe
	whyWindowProbe
	whyKeepAlive

	whyHandshakeAck
	whySecondSegment
	whyNoDelay
	whyDelayedAck
	whyBeyondGap
	whyGapFilled
	whyFINAck
	whyFINBeyondGap
	whyMark
	whyWindowUpdate
	whyBeyondWindow
	whyNotAcceptable
	whyChallenge

	whySynAck
	whySynAckAgain
	whyTimeWait
	whyAbort
	whyRefused
	whyNoConn
)

// rules are what the reasons say, and where it is said.
var rules = [...]trace.Rule{
	whyNew:             "new",
	whySYN:             "SYN: the application opens a connection, RFC 9293 3.5",
	whyFIN:             "FIN: the application has closed, and all its data is sent, RFC 9293 3.6",
	whyInitialWindow:   "data: within the initial window of ten segments, RFC 6928 2",
	whyData:            "data: within the congestion window and the peer's window, RFC 5681 3.1",
	whyLimitedTransmit: "limited transmit: what a duplicate ACK says has arrived makes room, RFC 3042 2",
	whyReduction:       "data: as much as the reduction of the congestion window allows, RFC 6937 3",
	whyFRTO:            "new data: to find out whether the timeout was needless, RFC 5682 2.1",

	whySYNAgain:       "SYN again: no answer within the retransmission timeout, RFC 6298 5.5",
	whySimultaneous:   "SYN-ACK: the SYNs crossed, RFC 9293 3.5",
	whyRACK:           "fast retransmit: a segment sent later has arrived (RACK), RFC 8985 6.2",
	whyReorderTimer:   "fast retransmit: the reordering window is over (RACK), RFC 8985 6.3",
	whyThirdDuplicate: "fast retransmit: third duplicate ACK, RFC 5681 3.2",
	whyPartialAck:     "retransmission: a partial acknowledgment in fast recovery, RFC 6582 3.2",
	whyTimeout:        "retransmission timeout: sent again, RFC 6298 5.4",
	whyPathShrank:     "sent again in smaller segments: the path's MTU is lower, RFC 1191 6.4",
	whyWindowOpened:   "sent again: the peer's window has opened, RFC 9293 3.8.6.1",
	whyTailProbe:      "tail loss probe: no ACK for two round trips, RFC 8985 7.3",
	whyWindowProbe:    "window probe: the peer's window is shut, RFC 9293 3.8.6.1",
	whyKeepAlive:      "keepalive probe: the peer is silent, RFC 9293 3.8.4",

	whyHandshakeAck:  "ACK: the third segment of the handshake, RFC 9293 3.5",
	whySecondSegment: "ACK: for at least every second full segment, RFC 9293 3.8.6.3",
	whyNoDelay:       "ACK: delayed ACKs are off, RFC 9293 3.8.6.3",
	whyDelayedAck:    "delayed ACK: nothing to send came in time to carry it, RFC 9293 3.8.6.3",
	whyBeyondGap:     "duplicate ACK: data beyond a gap, RFC 5681 4.2",
	whyGapFilled:     "ACK: data that fills a gap, RFC 5681 4.2",
	whyFINAck:        "ACK: of the peer's FIN, RFC 9293 3.10.7.4",
	whyFINBeyondGap:  "ACK: a FIN beyond a gap, or again, RFC 9293 3.10.7.4",
	whyMark:          "ACK: to echo a mark of congestion at once, RFC 3168 6.1.3",
	whyWindowUpdate:  "window update: the application has read, RFC 9293 3.8.6.2.2",
	whyBeyondWindow:  "ACK: data beyond the window, RFC 9293 3.10.7.4",
	whyNotAcceptable: "ACK: the segment is not acceptable, RFC 9293 3.10.7.4",
	whyChallenge:     "challenge ACK: the segment may be forged, RFC 5961 3.2",

	whySynAck:      "SYN-ACK: a SYN for a port where somebody listens, RFC 9293 3.10.7.2",
	whySynAckAgain: "SYN-ACK again: no ACK of it has come, RFC 6298 5.5",
	whyTimeWait:    "ACK: the connection is in TIME-WAIT, RFC 9293 3.10.7.4",
	whyAbort:       "RST: the connection is given up, RFC 9293 3.10.5",
	whyRefused:     "RST: it acknowledges what was never sent, RFC 9293 3.10.7.3",
	whyNoConn:      "RST: there is no such connection, and nobody listens, RFC 9293 3.10.7.1",
}

// newWhy is why the tcb has just sent a segment with something new in it.
func (c *tcb) newWhy(s *segment) why {
	switch {
	case s.Flags.Has(SYN):
		return whySYN
	case s.dataLen() == 0:
		return whyFIN
	case c.phase == cwr, c.phase == recovery:
		return whyReduction
	case c.rep != nil && c.rep.frto == frtoSecond:
		return whyFRTO
	case c.rep != nil && c.rep.dupAcks > 0:
		return whyLimitedTransmit
	case c.sndUna <= 1:
		return whyInitialWindow
	}
	return whyData
}

// ack has an ACK sent at once.
func (c *tcb) ack(w why) { c.ackNow, c.ackWhy = true, w }

// drop counts a segment, or a part of one, that ends here.
func (s *segment) drop(reason *uint64) {
	counter.Inc(reason)
	s.dropped = reason
}

// event is that of the segment's arrival, 0 if nobody listens.
func (s *segment) event() trace.ID {
	if s.in == nil { // the core's tests have none
		return 0
	}
	return s.in.Event
}

// dropRules are the reasons to drop, by the counter's name.
var dropRules = map[string]trace.Rule{
	"TcpInTruncated":     "shorter than its header, RFC 9293 3.1",
	"TcpInCsumErrors":    "wrong TCP checksum, RFC 9293 3.1",
	"TcpInBroadcast":     "sent to all hosts, RFC 9293 3.9.2.3",
	"TcpInNoPort":        "there is no such connection, and nobody listens, RFC 9293 3.10.7.1",
	"TcpInBadState":      "its flags make no sense in this state, RFC 9293 3.10.7",
	"TcpInOutOfWindow":   "outside of the receive window, RFC 9293 3.10.7.4",
	"TcpInDuplicate":     "data that arrived before, RFC 9293 3.10.7.4",
	"TcpInPAWS":          "older than what arrived, by its timestamp, RFC 7323 5.3",
	"TcpInNoTimestamp":   "without the timestamp agreed on, RFC 7323 3.2",
	"TcpInBadAck":        "it acknowledges what was not sent, or long ago, RFC 5961 5.2",
	"TcpInAfterClose":    "data for a connection that the application has closed, RFC 9293 3.6.1",
	"TcpOfoPruned":       "beyond a gap, and too many pieces are held, RFC 9293 3.10.7.4",
	"TcpInNoMemory":      "it would have to wait, and all memory for buffers is in use",
	"TcpSynDropped":      "a SYN from where no route leads back",
	"TcpListenOverflows": "too many connections wait to be accepted",
	"TcpOutErrors":       "no route to its destination",
}
