package udp

import (
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/tinystack/tinystack/internal/neterr"
	"github.com/tinystack/tinystack/packet"
)

// What of a batch may go out as one packet: as many datagrams as Linux's UDP_SEGMENT has taken from
// the beginning (UDP_MAX_SEGMENTS), in what the longest headers leave of a packet.
const (
	maxSegments = 64
	maxSuper    = packet.MaxSize - packet.MaxHead
)

// WriteBatch sends the messages, in order, and returns how many were sent: all, or err says why
// the next one was not, as Write and WriteTo do (EMSGSIZE: it is above 65507 bytes, on IPv4;
// EDESTADDRREQ, net.ErrWriteToConnected: Addr does not suit the socket).
//
// Up to 64 messages in a row of the same length to the same address, the last of which may be
// shorter, but not empty, go out as one packet of up to 64 KiB if the device splits it (USO) and each
// is within the path's MTU; otherwise one by one.
func (c *Conn) WriteBatch(ms []Message) (n int, err error) {
	for n < len(ms) {
		run := ms[n : n+runLen(ms[n:])]
		sent, err := c.writeRun(run)
		for i := range run[:sent] {
			run[i].N = run[i].len()
		}
		n += sent
		if err != nil {
			return n, c.batchError(ms[n].Addr, err)
		}
	}
	return n, nil
}

// runLen is how many of the messages at the start of ms may be one packet: 1 at the least.
func runLen(ms []Message) int {
	size := ms[0].len()
	total, most := size, min(len(ms), maxSegments)
	for n := 1; n < most; n++ {
		next := ms[n].len()
		total += next
		if next == 0 || next > size || total > maxSuper || ms[n].Addr != ms[0].Addr {
			return n
		}
		if next < size {
			return n + 1
		}
	}
	return most
}

// writeRun sends messages that may be one packet, and returns how many were sent.
func (c *Conn) writeRun(run []Message) (sent int, err error) {
	to, err := c.destination(run[0].Addr)
	if err != nil {
		return 0, err
	}
	size := run[0].len()
	if size > maxPayload {
		return 0, syscall.EMSGSIZE
	}
	if len(run) == 1 && len(run[0].Buffers) == 1 {
		return c.writeEach(run[0].Buffers[0], run, to)
	}
	buf := packet.Get(size * len(run))
	defer buf.Release()
	b := buf.B[:0]
	for i := range run {
		b = run[i].gather(b)
	}
	if len(run) > 1 {
		switch err := c.sendTo(b, size, to); err {
		case nil:
			return len(run), nil
		case syscall.EMSGSIZE: // the path does not take it so
		default:
			return 0, err
		}
	}
	return c.writeEach(b, run, to)
}

// writeEach sends the messages of run, which lie in b, one by one.
func (c *Conn) writeEach(b []byte, run []Message, to netip.AddrPort) (sent int, err error) {
	for i := range run {
		n := run[i].len()
		if err := c.sendTo(b[:n], n, to); err != nil {
			return i, err
		}
		b = b[n:]
	}
	return len(run), nil
}

// destination is where a message to addr goes, if it may be sent now.
func (c *Conn) destination(addr netip.AddrPort) (netip.AddrPort, error) {
	if err := c.writable("sendmmsg"); err != nil {
		return addr, err
	}
	switch connected := c.remote.IsValid(); {
	case connected && addr == netip.AddrPort{}:
		return c.remote, nil
	case connected:
		return addr, net.ErrWriteToConnected
	case addr == netip.AddrPort{}:
		return addr, syscall.EDESTADDRREQ
	}
	to := toHost(c.local.Addr(), unmap(addr))
	if !to.Addr().IsValid() || to.Port() == 0 {
		return addr, syscall.EINVAL
	}
	return to, nil
}

func (c *Conn) batchError(to netip.AddrPort, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError("sendmmsg", errno)
	}
	if to == (netip.AddrPort{}) || c.remote.IsValid() {
		return c.opError("write", err)
	}
	return neterr.Op("write", "udp", c.laddr, udpAddr(to), err)
}

// splits reports whether datagrams of size bytes may go the way in one packet.
func splits(route packet.Route, size int) bool {
	headers := 20 + HeaderLen
	if route.Local().Is6() {
		headers = 40 + HeaderLen
	}
	return route.Features().Has(packet.USO|packet.TxChecksum) && headers+size <= route.MTU()
}
