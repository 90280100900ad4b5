package pcapng

import (
	"encoding/binary"
	"time"
)

// Block types (section 10.1 of the draft).
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockStatistics = 5
	blockPacket     = 6
)

// Options: those of any block, then of sections, interfaces, packets, statistics.
const (
	optEnd     = 0
	optComment = 1

	shbOS       = 3
	shbUserAppl = 4

	ifName        = 2
	ifDescription = 3
	ifTsResol     = 9
	ifFilter      = 11
	ifOS          = 12

	epbFlags     = 2
	epbDropCount = 4

	isbStartTime    = 2
	isbEndTime      = 3
	isbIfRecv       = 4
	isbIfDrop       = 5
	isbFilterAccept = 6
	isbUsrDeliv     = 8
)

const (
	byteOrderMagic = 0x1a2b3c4d
	filterString   = 0 // if_filter: what follows is libpcap's filter syntax
	nanoseconds    = 9 // if_tsresol: 10⁻⁹ s
	maxOptionLen   = 65535
)

var le = binary.LittleEndian

// block is a block being built.
type block []byte

// start begins a block of the type; its length is filled in by finish.
func start(b []byte, typ uint32) block {
	return le.AppendUint32(le.AppendUint32(b[:0], typ), 0)
}

// finish ends the block, whose length stands at both of its ends (section 3.1).
func (b block) finish() block {
	n := uint32(len(b) + 4)
	le.PutUint32(b[4:], n)
	return le.AppendUint32(b, n)
}

func (b block) u16(v uint16) block { return le.AppendUint16(b, v) }
func (b block) u32(v uint32) block { return le.AppendUint32(b, v) }
func (b block) u64(v uint64) block { return le.AppendUint64(b, v) }

// time appends t in units of nanoseconds, its upper half first (section 4.3).
func (b block) time(t time.Time) block {
	n := uint64(t.UnixNano())
	return b.u32(uint32(n >> 32)).u32(uint32(n))
}

// align fills up to what aligns the next field to 32 bits.
func (b block) align() block { return append(b, 0, 0, 0)[:(len(b)+3)&^3] }

func (b block) option(code, length int) block {
	return b.u16(uint16(code)).u16(uint16(length))
}

// text appends an option of text, unless it is empty. Text beyond what an option
// holds is cut off.
func (b block) text(code int, s string) block {
	if s == "" {
		return b
	}
	s = s[:min(len(s), maxOptionLen)]
	return append(b.option(code, len(s)), s...).align()
}

func (b block) endOptions() block { return b.option(optEnd, 0) }
