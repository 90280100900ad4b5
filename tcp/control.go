package tcp

import (
	"encoding/binary"
	"net/netip"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
)

// Control takes an ICMP error about a segment that may have been ours. It has to
// quote a sequence number in flight, for anybody can send one (RFC 5927 4.1).
func (l *Layer) Control(ctl *packet.Control) {
	if len(ctl.Quoted) >= 8 {
		t := tuple{
			local:  netip.AddrPortFrom(ctl.Local, binary.BigEndian.Uint16(ctl.Quoted)),
			remote: netip.AddrPortFrom(ctl.Remote, binary.BigEndian.Uint16(ctl.Quoted[2:])),
		}
		seq := Seq(binary.BigEndian.Uint32(ctl.Quoted[4:]))
		if e := l.conns.get(t); e.conn != nil && e.conn.control(seq, ctl) {
			return
		}
	}
	counter.Inc(&l.stats.IcmpIgnored)
}

// control reports whether the error concerns what is in flight.
func (c *Conn) control(seq Seq, ctl *packet.Control) bool {
	c.mu.Lock()
	defer c.unlock()
	if at := c.tcb.sndPos(seq); at < c.tcb.sndUna || at >= c.tcb.sndNxt {
		return false
	}
	c.because(ctl.Event)
	if ctl.MTU > 0 {
		c.route.LowerMTU(ctl.MTU)
		c.updatePath()
	} else {
		c.tcb.unreachable(ctl.Err)
	}
	c.settle(c.layer.clock.now())
	return true
}

// pathShrank sends again what was too large, once, whoever found the new mss: the
// router may have more to say of the same packets. It is no sign of congestion (RFC 1191 6.5).
func (c *tcb) pathShrank(mss int) {
	if c.fl != nil {
		c.fl.markLonger(mss)
		c.resendNow, c.lossWhy = true, whyPathShrank
	}
}

// unreachable ends an attempt to connect. An open connection only remembers the
// error, to report it if it times out: routes heal, and errors are forged (RFC 5927 5.2).
func (c *tcb) unreachable(err error) {
	if c.state.synchronized() {
		c.softErr = err
		return
	}
	c.end(err)
}
