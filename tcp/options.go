package tcp

import "encoding/binary"

// Option kinds (RFC 9293 3.2, RFC 7323, RFC 2018).
const (
	optEnd           = 0
	optNOP           = 1
	optMSS           = 2
	optWindowScale   = 3
	optSACKPermitted = 4
	optSACK          = 5
	optTimestamps    = 8
)

const (
	maxSACK        = 4
	timestampsLen  = 12 // with the two NOPs that align it
	sackHeadLen    = 4  // of a SACK option before its blocks, with the two NOPs that align it
	sackBlockLen   = 8
	maxWindowScale = 14 // RFC 7323 2.3
)

// Block is a range of sequence numbers that has arrived: Right is one beyond it.
type Block struct{ Left, Right Seq }

// Options are the options this package knows. Others are skipped.
type Options struct {
	MSS            uint16 // 0: absent
	HasWindowScale bool
	WindowScale    uint8
	SACKPermitted  bool
	HasTimestamps  bool
	TSVal, TSEcr   uint32
	NumSACK        uint8
	SACK           [maxSACK]Block // the first NumSACK count
	Malformed      bool           // a length was illegal; nothing after it was read
}

// parse reads the options in b, a header's bytes after the first 20. "A TCP
// implementation MUST be prepared to handle an illegal option length" (RFC 9293
// 3.2, MUST-7).
func (o *Options) parse(b []byte) {
	for len(b) > 0 {
		switch b[0] {
		case optEnd:
			return
		case optNOP:
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			o.Malformed = true
			return
		}
		o.parseOne(b[0], b[2:b[1]])
		b = b[b[1]:]
	}
}

// parseOne reads one option; one of an unexpected length is skipped.
func (o *Options) parseOne(kind byte, v []byte) {
	switch {
	case kind == optMSS && len(v) == 2:
		o.MSS = binary.BigEndian.Uint16(v)
	case kind == optWindowScale && len(v) == 1:
		o.HasWindowScale = true
		o.WindowScale = v[0]
	case kind == optSACKPermitted && len(v) == 0:
		o.SACKPermitted = true
	case kind == optTimestamps && len(v) == 8:
		o.HasTimestamps = true
		o.TSVal = binary.BigEndian.Uint32(v)
		o.TSEcr = binary.BigEndian.Uint32(v[4:])
	case kind == optSACK && len(v) > 0 && len(v)%8 == 0:
		o.NumSACK = 0
		for ; len(v) > 0 && o.NumSACK < maxSACK; v = v[8:] {
			o.SACK[o.NumSACK] = Block{
				Left:  Seq(binary.BigEndian.Uint32(v)),
				Right: Seq(binary.BigEndian.Uint32(v[4:])),
			}
			o.NumSACK++
		}
	}
}

// Len returns the length of the options in bytes, a multiple of four.
func (o *Options) Len() int {
	n := o.lenBeforeSACK()
	if k := o.sackThatFit(); k > 0 {
		n += sackHeadLen + sackBlockLen*k
	}
	return n
}

// sackThatFit is the number of SACK blocks that fit beside the other options:
// there is always room for two.
func (o *Options) sackThatFit() int {
	const room = maxHeaderLen - minHeaderLen
	return min(int(o.NumSACK), maxSACK, (room-o.lenBeforeSACK()-sackHeadLen)/sackBlockLen)
}

func (o *Options) lenBeforeSACK() int {
	n := 0
	if o.MSS != 0 {
		n += 4
	}
	if o.HasWindowScale {
		n += 4
	}
	if o.HasTimestamps {
		n += timestampsLen
	} else if o.SACKPermitted {
		n += 4
	}
	return n
}

// appendTo appends the options, aligned with NOPs as Linux lays them out;
// SACK-permitted takes the place of the NOPs before timestamps. SACK blocks that
// do not fit into a header are left out, the last first.
func (o *Options) appendTo(b []byte) []byte {
	if o.MSS != 0 {
		b = append(b, optMSS, 4, byte(o.MSS>>8), byte(o.MSS))
	}
	switch {
	case o.SACKPermitted:
		b = append(b, optSACKPermitted, 2)
		if !o.HasTimestamps {
			b = append(b, optNOP, optNOP)
		}
	case o.HasTimestamps:
		b = append(b, optNOP, optNOP)
	}
	if o.HasTimestamps {
		b = append(b, optTimestamps, 10)
		b = binary.BigEndian.AppendUint32(b, o.TSVal)
		b = binary.BigEndian.AppendUint32(b, o.TSEcr)
	}
	if o.HasWindowScale {
		b = append(b, optNOP, optWindowScale, 3, o.WindowScale)
	}
	if k := o.sackThatFit(); k > 0 {
		b = append(b, optNOP, optNOP, optSACK, byte(2+8*k))
		for _, s := range o.SACK[:k] {
			b = binary.BigEndian.AppendUint32(b, uint32(s.Left))
			b = binary.BigEndian.AppendUint32(b, uint32(s.Right))
		}
	}
	return b
}
