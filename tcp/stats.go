package tcp

// Stats are a layer's counters since it began. The first are those of RFC 4022
// (https://www.rfc-editor.org/rfc/rfc4022), the rest are named after Linux's
// TcpExt where it has them. Each segment dropped counts in one of the drop reasons, but for
// a RST or SYN that gets a challenge ACK.
type Stats struct {
	ActiveOpens  uint64 // CLOSED to SYN-SENT
	PassiveOpens uint64 // LISTEN to SYN-RECEIVED
	AttemptFails uint64 // SYN-SENT or SYN-RECEIVED to CLOSED
	EstabResets  uint64 // ESTABLISHED or CLOSE-WAIT to CLOSED
	CurrEstab    uint64 // connections in ESTABLISHED or CLOSE-WAIT now
	CurrMemory   uint64 // bytes that connections' buffers take now
	InSegs       uint64 // segments received, as many as there were on the wire, those in error too
	OutSegs      uint64 // segments sent, without those of RetransSegs
	RetransSegs  uint64 // segments sent again
	InErrs       uint64 // segments with a bad header or checksum
	OutRsts      uint64 // segments sent with RST

	// Drop reasons.
	InTruncated      uint64 // shorter than their header, or it than 20 bytes (in InErrs too)
	InCsumErrors     uint64 // bad checksum (in InErrs too)
	InBroadcast      uint64 // sent to a broadcast or multicast address
	InNoPort         uint64 // for no connection, and none can begin: answered with RST
	InBadState       uint64 // with flags that make no sense in the state they met
	InOutOfWindow    uint64 // outside of the receive window, or with data beyond it that was cut off
	InDuplicate      uint64 // data that had arrived before
	InPAWS           uint64 // older than what had arrived, by its timestamp (RFC 7323 5)
	InNoTimestamp    uint64 // without the timestamp agreed on (RFC 7323 3.2)
	InBadAck         uint64 // acknowledging what was not sent, or long ago (RFC 5961 5)
	InAfterClose     uint64 // data for a connection that the application had closed
	OfoPruned        uint64 // out of order, and too many pieces were held; or all that a connection held so, for want of memory
	InNoMemory       uint64 // data that would have had to wait, and Config.Memory was in use
	SynDropped       uint64 // SYN for which there was no route back
	SynEvicted       uint64 // half-open connections that made room for a newer one
	ListenOverflows  uint64 // the accept queue was full: the last ACK of a handshake was ignored
	TimeWaitOverflow uint64 // connections that left TIME-WAIT early to make room

	// What happened.
	OutErrors             uint64 // segments that the network layer refused
	RTOTimeouts           uint64 // retransmission timeouts
	FastRecoveries        uint64 // fast recoveries entered
	SpuriousRecoveries    uint64 // fast recoveries undone: nothing had been lost
	SpuriousRTOs          uint64 // retransmission timeouts undone, likewise
	LossProbes            uint64 // tail loss probes sent (RFC 8985 7)
	LossProbeRecoveries   uint64 // losses that such a probe repaired
	SackReneges           uint64 // times a peer took back what it had sacked
	DSACKSent             uint64 // duplicate ranges reported (RFC 2883)
	DSACKReceived         uint64 // duplicate ranges reported by peers
	ChallengeAcks         uint64 // sent (RFC 5961)
	AcksLimited           uint64 // ACKs in answer to a bad segment not sent, by their rate limit
	DelayedAcks           uint64 // ACKs sent by the delayed-ACK timer
	DupAcksReceived       uint64
	ZeroWindowProbes      uint64 // sent
	KeepAliveProbes       uint64 // sent
	ZeroWindowsSent       uint64 // ACKs sent with a window of zero
	TimedOut              uint64 // connections, and attempts to connect, that ended by a timeout
	TimeWaitReused        uint64 // connections opened by a SYN that met TIME-WAIT (RFC 6191)
	EcnAgreed             uint64 // connections opened with ECN agreed on (RFC 3168)
	EcnFallbacks          uint64 // connections whose SYN was sent again without asking for ECN
	InCESegs              uint64 // segments of data that met congestion on their way, by their ECN field
	InEchoes              uint64 // ACKs that tell of congestion on the way of our data (ECE)
	EcnReductions         uint64 // times cwnd was reduced for such an ACK
	AbortOnMemory         uint64 // connections reset that nobody had any more, and memory was in use
	MemoryPressures       uint64 // times memory became scarce: three quarters of Config.Memory were in use
	MemoryPressuresChrono uint64 // milliseconds for which it was
	IcmpIgnored           uint64 // ICMP errors that fit no connection or no sequence number (RFC 5927)
}
