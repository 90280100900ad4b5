package main

import (
	"fmt"
	"strings"

	"github.com/tinystack/tinystack/tcp"
)

// socketTable writes sockets as ss does.
type socketTable struct {
	netid bool // a first column says the protocol
	exact bool // rates in bit/s
	brief bool // no details
}

// text lines the columns up; details follow on a line of their own.
func (t *socketTable) text(sockets []socket) string {
	rows := [][]string{t.row("Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port")}
	for i := range sockets {
		s := &sockets[i]
		rows = append(rows, t.row(s.Protocol, s.State, fmt.Sprint(s.RecvQ), fmt.Sprint(s.SendQ), s.Local.String(), s.Peer.String()))
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	var b strings.Builder
	for i, row := range rows {
		b.WriteString(t.line(row, widths))
		if i > 0 && !t.brief {
			b.WriteString(t.details(&sockets[i-1]))
		}
	}
	return b.String()
}

func (t *socketTable) row(netid string, cells ...string) []string {
	if t.netid {
		return append([]string{netid}, cells...)
	}
	return cells
}

// line sets the columns apart; the addresses are to the right of theirs.
func (t *socketTable) line(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		format := "%-*s "
		if i >= len(row)-2 {
			format = "%*s "
		}
		fmt.Fprintf(&b, format, widths[i], cell)
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// details are the line below a socket's own.
func (t *socketTable) details(s *socket) string {
	var keys []string
	switch {
	case s.TCP != nil:
		keys = append([]string{memory(s.RecvQ+s.TCP.OutOfOrder, s.TCP.RcvBuf, s.SendQ, s.TCP.SndBuf, 0)}, t.tcpKeys(s.TCP)...)
	case s.UDP != nil:
		keys = []string{memory(s.RecvQ, s.UDP.RecvBuf, 0, 0, s.UDP.Drops)}
	default:
		return ""
	}
	return "\t " + strings.Join(keys, " ") + "\n"
}

// memory is skmem. What it has of the kernel's accounts alone is 0.
func memory(received, rcvBuf, queued, sndBuf int, drops uint64) string {
	return fmt.Sprintf("skmem:(r%d,rb%d,t0,tb%d,f0,w%d,o0,bl0,d%d)", received, rcvBuf, sndBuf, queued, drops)
}

// keyList collects the keys of a details line.
type keyList []string

func (k *keyList) add(format string, args ...any) { *k = append(*k, fmt.Sprintf(format, args...)) }

// addIf adds a key where ss would: unless there is nothing to say.
func (k *keyList) addIf(ok bool, format string, args ...any) {
	if ok {
		k.add(format, args...)
	}
}

// tcpKeys are the keys of a connection, in ss's order.
func (t *socketTable) tcpKeys(i *tcpInfo) []string {
	var k keyList
	k.addIf(i.Timestamps, "ts")
	k.addIf(i.SACK, "sack")
	k.addIf(i.ECN, "ecn")
	k.addIf(i.ECNSeen, "ecnseen")
	k.add("%s", i.Congestion)
	k.addIf(i.WindowScaling, "wscale:%d,%d", i.SndWscale, i.RcvWscale)
	k.add("rto:%.6g", ms(i.RTO))
	k.addIf(i.Backoff > 0, "backoff:%d", i.Backoff)
	k.addIf(i.RTT > 0, "rtt:%.6g/%.6g", ms(i.RTT), ms(i.RTTVar))
	k.addIf(i.ATO > 0, "ato:%.6g", ms(i.ATO))
	k.add("mss:%d pmtu:%d", i.SndMSS, i.PMTU)
	k.addIf(i.RcvMSS > 0, "rcvmss:%d", i.RcvMSS)
	k.add("advmss:%d cwnd:%d", i.AdvMSS, i.segments(i.SndCwnd))
	k.addIf(i.SndSsthresh > 0, "ssthresh:%d", i.segments(i.SndSsthresh))
	t.counts(&k, i)
	t.rates(&k, i)
	t.losses(&k, i)
	k.add("rcv_space:%d rcv_ssthresh:%d", i.RcvBuf, i.RcvBuf)
	k.addIf(i.NotSent > 0, "notsent:%d", i.NotSent)
	k.addIf(i.MinRTT > 0, "minrtt:%.6g", ms(i.MinRTT))
	k.addIf(i.RcvOooPack > 0, "rcv_ooopack:%d", i.RcvOooPack)
	k.add("snd_wnd:%d rcv_wnd:%d", i.SndWnd, i.RcvWnd)
	return k
}

func (t *socketTable) counts(k *keyList, i *tcpInfo) {
	k.addIf(i.BytesSent > 0, "bytes_sent:%d", i.BytesSent)
	k.addIf(i.BytesRetrans > 0, "bytes_retrans:%d", i.BytesRetrans)
	k.addIf(i.BytesAcked > 0, "bytes_acked:%d", i.BytesAcked)
	k.addIf(i.BytesReceived > 0, "bytes_received:%d", i.BytesReceived)
	k.addIf(i.SegsOut > 0, "segs_out:%d", i.SegsOut)
	k.addIf(i.SegsIn > 0, "segs_in:%d", i.SegsIn)
	k.addIf(i.DataSegsOut > 0, "data_segs_out:%d", i.DataSegsOut)
	k.addIf(i.DataSegsIn > 0, "data_segs_in:%d", i.DataSegsIn)
}

func (t *socketTable) rates(k *keyList, i *tcpInfo) {
	if b := i.BBR; b != nil {
		k.add("bbr:(bw:%s,mrtt:%.6g,pacing_gain:%g,cwnd_gain:%g)", t.rate(float64(b.Bandwidth)*8), ms(b.MinRTT), b.PacingGain, b.CwndGain)
	}
	if i.RTT > 0 { // what cwnd lets through
		k.add("send %s", t.rate(float64(i.SndCwnd)*8e6/float64(i.RTT)))
	}
	k.add("lastsnd:%d lastrcv:%d lastack:%d", i.LastSnd/1000, i.LastRcv/1000, i.LastAck/1000)
	k.addIf(i.PacingRate > 0, "pacing_rate %s", t.rate(float64(i.PacingRate)*8))
	k.addIf(i.DeliveryRate > 0, "delivery_rate %s", t.rate(float64(i.DeliveryRate)*8))
	k.addIf(i.RateAppLimited, "app_limited")
	if i.Busy > 0 {
		k.add("busy:%dms", i.Busy/1000)
		for _, l := range []struct {
			name string
			us   int64
		}{{"rwnd_limited", i.RwndLimited}, {"sndbuf_limited", i.SndbufLimited}, {"cwnd_limited", i.CwndLimited}, {"pacing_limited", i.PacingLimited}, {"memory_limited", i.MemoryLimited}} {
			k.addIf(l.us >= 1000, "%s:%dms(%.1f%%)", l.name, l.us/1000, 100*float64(l.us)/float64(i.Busy))
		}
	}
	k.addIf(i.Limited != tcp.LimitIdle, "limited:%v", i.Limited)
}

func (t *socketTable) losses(k *keyList, i *tcpInfo) {
	k.addIf(i.CAState != "open", "ca_state:%s", i.CAState)
	k.addIf(i.Unacked > 0, "unacked:%d", i.segments(i.Unacked))
	k.addIf(i.TotalRetrans > 0, "retrans:%d/%d", i.segments(i.Retrans), i.TotalRetrans)
	k.addIf(i.Lost > 0, "lost:%d", i.segments(i.Lost))
	k.addIf(i.Sacked > 0, "sacked:%d", i.segments(i.Sacked))
	k.addIf(i.DSACKDups > 0, "dsack_dups:%d", i.DSACKDups)
}

// segments converts bytes as the kernel counts them: a begun segment is one.
func (i *tcpInfo) segments(bytes int) int { return (bytes + i.SndMSS - 1) / max(i.SndMSS, 1) }

// ms are milliseconds.
func ms(us int64) float64 { return float64(us) / 1000 }

// rate writes bit/s, in three digits unless it is to be exact.
func (t *socketTable) rate(bps float64) string {
	if t.exact {
		return fmt.Sprintf("%.0fbps", bps)
	}
	units := []string{"", "K", "M", "G", "T"}
	for bps >= 999.5 && len(units) > 1 {
		bps /= 1000
		units = units[1:]
	}
	return fmt.Sprintf("%.3g%sbps", bps, units[0])
}
