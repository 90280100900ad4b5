package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/udp"
)

const (
	probeSize = 60             // bytes of the whole packet
	probeData = probeSize - 28 // behind the headers of IPv4, and of UDP or ICMP
)

// probeAnswer is who answered a probe; from is the zero Addr if nobody did.
type probeAnswer struct {
	from    netip.Addr
	rtt     time.Duration
	arrived bool   // at the host
	mark    string // "!H" and the like: the way ends there
}

// probe sends probe n and waits for its answer until ctx ends, which is no error.
func (t *tracer) probe(ctx context.Context, ttl, n int) (probeAnswer, error) {
	if t.icmp {
		return t.probeEcho(ctx, ttl)
	}
	return t.probeUDP(ctx, ttl, t.port+n)
}

func (t *tracer) probeEcho(ctx context.Context, ttl int) (probeAnswer, error) {
	r, err := t.stack.Ping(ctx, ipv4.EchoRequest{Remote: t.to, TTL: ttl, Size: probeData})
	switch {
	case err != nil && ctx.Err() != nil:
		return probeAnswer{}, nil
	case err != nil:
		return probeAnswer{}, err
	case r.Err == nil:
		return probeAnswer{from: r.From, rtt: r.RTT, arrived: true}, nil
	}
	return answer(r.From, r.Type, r.Code, r.MTU, r.RTT), nil
}

// probeUDP sends from a socket of its own, so that an error is this probe's.
func (t *tracer) probeUDP(ctx context.Context, ttl, port int) (probeAnswer, error) {
	to := net.JoinHostPort(t.to.String(), strconv.Itoa(port))
	c, err := t.stack.DialContext(ctx, "udp", to)
	if err != nil {
		return probeAnswer{}, err
	}
	defer c.Close()
	u := c.(*udp.Conn) // as Dial says
	if err := errors.Join(u.SetTTL(ttl), u.SetReportICMP(true)); err != nil {
		return probeAnswer{}, err
	}
	defer context.AfterFunc(ctx, func() { u.SetReadDeadline(time.Unix(1, 0)) })()
	sent := time.Now()
	if _, err := u.Write(make([]byte, probeData)); err != nil {
		return probeAnswer{}, err
	}
	_, err = u.Read(nil)
	rtt := time.Since(sent)
	var of *udp.ICMPError
	switch {
	case err == nil: // somebody listens
		return probeAnswer{from: t.to, rtt: rtt, arrived: true}, nil
	case errors.As(err, &of):
		return answer(of.From, of.Type, of.Code, 0, rtt), nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return probeAnswer{}, nil
	}
	return probeAnswer{}, err
}

// marks are Linux traceroute's for the codes of "destination unreachable" (RFC 792, RFC 1812
// 5.2.7.1); 3 is the host's, which has nobody at the port.
var marks = [...]string{
	0: "!N", 6: "!N", 8: "!N", 11: "!N", // the network: unreachable, unknown, closed to us, not by this service
	1: "!H", 7: "!H", 12: "!H", // the host
	2: "!P", 3: "", 4: "!F", 5: "!S",
	9: "!X", 10: "!X", 13: "!X", // forbidden
	14: "!V", 15: "!C",
}

// answer says what an ICMP error says, in traceroute's marks.
func answer(from netip.Addr, typ, code uint8, mtu int, rtt time.Duration) probeAnswer {
	a := probeAnswer{from: from, rtt: rtt}
	switch {
	case typ == 11 && code == 0: // the time to live is over
	case typ != 3:
		a.mark = fmt.Sprintf("!<%d-%d>", typ, code)
	case int(code) >= len(marks):
		a.mark = fmt.Sprintf("!<%d>", code)
	default:
		a.mark = marks[code]
		a.arrived = code == 3 // also if the host says so from another of its addresses
	}
	if typ == 3 && code == 4 && mtu > 0 {
		a.mark += fmt.Sprintf("-%d", mtu)
	}
	return a
}
