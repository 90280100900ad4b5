package main

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinystack/tinystack/tcp"
)

// moment is what a sender knows of a connection at a time. Sizes are in bytes, also
// where the kernel counts segments.
type moment struct {
	state                      string
	cwnd, ssthresh             int64 // ssthresh -1: none yet
	inFlight, sacked, lost     int64
	acked, resent              uint64
	timeouts                   uint64
	rtt, minRTT                time.Duration
	delivery                   uint64        // bytes/s
	rwndLimited, sndbufLimited time.Duration // for so long until now
}

// askFunc asks a stack for the state of one of its connections.
type askFunc func(net.Conn) (moment, error)

const traceHeader = "ms\tstate\tcwnd\tssthresh\tinflight\tsacked\tlost\tacked\tresent\ttimeouts\trtt_us\tminrtt_us\tdelivery_Bps\trwnd_ms\tsndbuf_ms\n"

// line is the moment as a trace has it, under traceHeader.
func (m moment) line(at time.Duration) string {
	return fmt.Sprintf("%d\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n",
		at.Milliseconds(), m.state, m.cwnd, m.ssthresh, m.inFlight, m.sacked, m.lost, m.acked, m.resent, m.timeouts,
		m.rtt.Microseconds(), m.minRTT.Microseconds(), m.delivery,
		m.rwndLimited.Milliseconds(), m.sndbufLimited.Milliseconds())
}

// traced wraps a handler of connections so that the first one's state is written
// to a file, every 10 ms, until its handler is done.
func traced(file string, ask askFunc, handle func(net.Conn)) (func(net.Conn), error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	first := make(chan struct{}, 1)
	first <- struct{}{}
	return func(c net.Conn) {
		select {
		case <-first:
			done := make(chan struct{})
			defer close(done)
			go trace(f, c, ask, done)
		default:
		}
		handle(c)
	}, nil
}

// trace writes the connection's state to f, line by line: the process may end at any time.
func trace(f *os.File, c net.Conn, ask askFunc, done <-chan struct{}) {
	const every = 10 * time.Millisecond
	defer f.Close()
	w := bufio.NewWriter(f)
	fmt.Fprint(w, traceHeader)
	start, tick := time.Now(), time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		m, err := ask(c)
		if err != nil {
			return
		}
		fmt.Fprint(w, m.line(time.Since(start)))
		if w.Flush() != nil {
			return
		}
	}
}

func tinystackMoment(c net.Conn) (moment, error) {
	i := c.(*tcp.Conn).Info()
	m := moment{
		state: i.CAState, cwnd: int64(i.SndCwnd), ssthresh: int64(i.SndSsthresh),
		inFlight: int64(i.InNetwork), sacked: int64(i.Sacked), lost: int64(i.Lost),
		acked: i.BytesAcked, resent: i.BytesRetrans, timeouts: uint64(i.TotalTimeouts),
		rtt: i.RTT, minRTT: i.MinRTT, delivery: i.DeliveryRate,
		rwndLimited: i.RwndLimited, sndbufLimited: i.SndbufLimited,
	}
	if i.SndSsthresh == math.MaxInt {
		m.ssthresh = -1
	}
	return m, nil
}

func kernelMoment(c net.Conn) (m moment, err error) {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return m, err
	}
	var i *unix.TCPInfo
	err2 := raw.Control(func(fd uintptr) { i, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
	if err = errors.Join(err, err2); err != nil {
		return m, err
	}
	mss := int64(i.Snd_mss)
	m = moment{
		state: [...]string{"open", "disorder", "cwr", "recovery", "loss"}[min(i.Ca_state, 4)],
		cwnd:  int64(i.Snd_cwnd) * mss, ssthresh: int64(i.Snd_ssthresh) * mss,
		inFlight: int64(i.Unacked-i.Sacked-i.Lost+i.Retrans) * mss,
		sacked:   int64(i.Sacked) * mss, lost: int64(i.Lost) * mss,
		acked: i.Bytes_acked, resent: i.Bytes_retrans, timeouts: uint64(i.Total_rto),
		rtt:    time.Duration(i.Rtt) * time.Microsecond,
		minRTT: time.Duration(i.Min_rtt) * time.Microsecond, delivery: i.Delivery_rate,
		rwndLimited:   time.Duration(i.Rwnd_limited) * time.Microsecond,
		sndbufLimited: time.Duration(i.Sndbuf_limited) * time.Microsecond,
	}
	const none = 0x7fffffff
	if i.Snd_ssthresh == none {
		m.ssthresh = -1
	}
	return m, nil
}
