package pcapng

import (
	"fmt"
	"io"
	"runtime"
	"time"
)

// LinkTypeRaw is the link type of packets that start with their IP header, IPv4
// or IPv6.
const LinkTypeRaw = 101

// Direction says which way a packet went, seen from the interface.
type Direction uint8

// The directions; the zero value is an unknown one. Their numbers are the format's.
const (
	Inbound  Direction = 1
	Outbound Direction = 2
)

// Interface is what packets were captured on.
type Interface struct {
	Name        string
	Description string
	Filter      string // in the syntax of libpcap; empty: none
	LinkType    uint16 // such as [LinkTypeRaw]
	SnapLen     uint32 // the most bytes kept of a packet; 0: no limit
}

// Packet is one packet.
type Packet struct {
	Interface int // what AddInterface returned
	Time      time.Time
	Data      []byte // what was kept
	Len       int    // its length in bytes before it was cut; not below len(Data)
	Direction Direction
	Missed    uint64   // how many were missed since the packet before
	Comments  []string // for people; at most 65535 bytes each, the rest is cut off
}

// Statistics are what became of an interface's packets from Start to End.
type Statistics struct {
	Start, End time.Time
	Received   uint64 // packets that passed
	Accepted   uint64 // of those, that the filter wanted
	Missed     uint64 // of those, that are not in the file for want of room
	Delivered  uint64 // of those, that are
}

// Writer writes one section.
type Writer struct {
	w          io.Writer
	buf        []byte
	interfaces int
}

// NewWriter starts a section, written by the named application. Errors of this
// and all other functions are those of w.
func NewWriter(w io.Writer, application string) (*Writer, error) {
	n := &Writer{w: w}
	const unknownLength = ^uint64(0)
	b := start(n.buf, blockSection).
		u32(byteOrderMagic).u16(1).u16(0). // version 1.0
		u64(unknownLength).
		text(shbOS, runtime.GOOS).
		text(shbUserAppl, application).
		endOptions()
	return n, n.write(b)
}

// AddInterface describes an interface and returns its number in [Packet].
func (w *Writer) AddInterface(i Interface) (int, error) {
	b := start(w.buf, blockInterface).
		u16(i.LinkType).u16(0).
		u32(i.SnapLen).
		text(ifName, i.Name).
		text(ifDescription, i.Description)
	b = append(b.option(ifTsResol, 1), nanoseconds).align()
	if i.Filter != "" {
		b = b.text(ifFilter, string(rune(filterString))+i.Filter)
	}
	b = b.text(ifOS, runtime.GOOS).endOptions()
	if err := w.write(b); err != nil {
		return 0, err
	}
	w.interfaces++
	return w.interfaces - 1, nil
}

// WritePacket writes a packet of an interface added before.
func (w *Writer) WritePacket(p *Packet) error {
	if p.Interface < 0 || p.Interface >= w.interfaces {
		return fmt.Errorf("pcapng: packet of interface %d, of %d", p.Interface, w.interfaces)
	}
	b := start(w.buf, blockPacket).
		u32(uint32(p.Interface)).
		time(p.Time).
		u32(uint32(len(p.Data))).
		u32(uint32(max(p.Len, len(p.Data))))
	b = append(b, p.Data...).align()
	for _, c := range p.Comments {
		b = b.text(optComment, c)
	}
	if p.Direction != 0 {
		b = b.option(epbFlags, 4).u32(uint32(p.Direction & 3))
	}
	if p.Missed > 0 {
		b = b.option(epbDropCount, 8).u64(p.Missed)
	}
	return w.write(b.endOptions())
}

// WriteStatistics writes the statistics of an interface, as of s.End.
func (w *Writer) WriteStatistics(number int, s Statistics) error {
	b := start(w.buf, blockStatistics).
		u32(uint32(number)).
		time(s.End).
		option(isbStartTime, 8).time(s.Start).
		option(isbEndTime, 8).time(s.End).
		option(isbIfRecv, 8).u64(s.Received).
		option(isbIfDrop, 8).u64(s.Missed).
		option(isbFilterAccept, 8).u64(s.Accepted).
		option(isbUsrDeliv, 8).u64(s.Delivered).
		endOptions()
	return w.write(b)
}

// write finishes the block and writes it, and keeps its memory for the next.
func (w *Writer) write(b block) error {
	w.buf = b.finish()
	_, err := w.w.Write(w.buf)
	return err
}
