package tcp

// Seq is a sequence number as the wire carries it, modulo 2^32 (RFC 9293 3.4).
// It lives at the edge only: inside, positions in a stream are int64 and never wrap.
type Seq uint32

// Sub returns how far s is beyond t; it is negative if s comes before t.
func (s Seq) Sub(t Seq) int { return int(int32(s - t)) }
