package tcp

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tinystack/tinystack/trace"
)

// Config sets what connections start with. The zero value works.
type Config struct {
	// ReceiveBuffer is the most data in bytes that a connection holds for the
	// application to read, and so the largest window it offers; 4096 to 16777216.
	// 0: 4 MiB. Memory is taken only as data arrives. Of this, 128 KiB is for use at first, and
	// four times what arrives in a round trip once that is more.
	ReceiveBuffer int
	// SendBuffer is the most data in bytes that a connection holds until it is
	// acknowledged; 4096 to 16777216. 0: 16 MiB. Memory is taken only as data is written.
	// Of this, 1 MiB is for use at first, and four bandwidth-delay products once that is more.
	SendBuffer int
	// Memory bounds, in bytes, what the buffers of all connections take together, as Linux's
	// tcp_mem does; 1 MiB to 1 TiB. 0: 512 MiB; negative: nothing bounds it. While it is scarce, from three
	// quarters in use until half is, no buffer grows, each connection offers a window of four
	// segments, unless it has promised more, and takes up to 64 KiB to send. When all is in
	// use a connection takes 4 KiB to send, and drops data that would have to wait for Read if
	// some waits already: so much, for each connection, is the most beyond this bound.
	Memory int64
	// NotSentLowat is the number of bytes written and not sent at which Write waits, so that what
	// is written is not old when it is sent (Linux's TCP_NOTSENT_LOWAT); 1 to 16777216. 0: no such
	// mark, and the send buffer is the limit.
	NotSentLowat int
	// Backlog is the number of connections that may wait to be accepted, and of
	// half-open ones, for each listener; 1 to 65536. 0: 4096.
	Backlog int
	// Congestion is the congestion control: [CUBIC], [Reno] or [BBR]. "": CUBIC.
	Congestion string
	// ECN says whether connections use Explicit Congestion Notification (RFC 3168). Its zero
	// value, [ECNPassive], agrees to it where the peer asks.
	ECN ECN
	// NoSACK keeps connections from offering and agreeing to SACK (RFC 2018).
	NoSACK bool
	// MinRTO is added to the smoothed round-trip time for the least retransmission
	// timeout; 1 ms to 60 s. 0: 200 ms, as Linux has it, where RFC 6298 (2.4) asks
	// for 1 s (https://www.rfc-editor.org/rfc/rfc6298#section-2).
	MinRTO time.Duration
	// MaxRTO bounds the retransmission timeout and the time between window probes;
	// 1 s to 1 h. 0: 120 s.
	MaxRTO time.Duration
	// GiveUp is how long unacknowledged data is sent again before the connection
	// ends with ETIMEDOUT; 1 s to 24 h. 0: 15 min
	// (R2 of https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3).
	GiveUp time.Duration
	// ConnectTimeout is how long a SYN is sent again; 1 s to 24 h. 0: 3 min, the
	// least that RFC 9293 3.8.3 allows.
	ConnectTimeout time.Duration
	// DelayedAck is how long an ACK may wait for data to go with; 1 ms to 500 ms
	// (RFC 9293 3.8.6.3). 0: 40 ms; negative: never.
	DelayedAck time.Duration
	// KeepAlive is the time of silence before the first probe, and between them, nine at
	// most; 1 s to 24 h. 0: 15 s, as package net has it; negative: no probes. RFC 9293
	// 3.8.4 has none unless asked for, and the first after two hours.
	KeepAlive time.Duration
	// TimeWait is how long TIME-WAIT lasts; 1 ms to 240 s. 0: 60 s, as Linux has it, where
	// RFC 9293 3.6.1 has 240 s.
	TimeWait time.Duration
	// MaxTimeWait is the number of connections kept in TIME-WAIT; the oldest makes
	// room for the next one. 1 to 16777216. 0: 65536.
	MaxTimeWait int
	// Rand is what the layer draws from, in New, for the key of its sequence numbers and to
	// choose ports, for a run that can be repeated. nil: nobody can guess them.
	Rand rand.Source
	// Trace is where the layer's events happen. nil: nobody is told.
	Trace *trace.Node
}

const (
	minBuffer         = 4 << 10
	maxBuffer         = 16 << 20
	initialSendBuffer = 1 << 20
)

// What keepalive probes are where nobody says otherwise, as in package net.
const (
	defaultKeepAlive      = 15 * time.Second
	defaultKeepAliveCount = 9
)

// withDefaults returns the config with its zero values replaced, or an error
// that names a field out of its range.
func (cfg Config) withDefaults() (Config, error) {
	err := cmp.Or(
		setMemory(&cfg.Memory),
		setInt("ReceiveBuffer", &cfg.ReceiveBuffer, 4<<20, minBuffer, maxBuffer),
		setInt("SendBuffer", &cfg.SendBuffer, maxBuffer, minBuffer, maxBuffer),
		setInt("NotSentLowat", &cfg.NotSentLowat, 0, 0, maxBuffer),
		setInt("Backlog", &cfg.Backlog, 4096, 1, 65536),
		setInt("MaxTimeWait", &cfg.MaxTimeWait, 65536, 1, 1<<24),
		setTime("MinRTO", &cfg.MinRTO, 200*time.Millisecond, time.Millisecond, time.Minute),
		setTime("MaxRTO", &cfg.MaxRTO, 120*time.Second, time.Second, time.Hour),
		setTime("GiveUp", &cfg.GiveUp, 15*time.Minute, time.Second, 24*time.Hour),
		setTime("ConnectTimeout", &cfg.ConnectTimeout, 3*time.Minute, time.Second, 24*time.Hour),
		setTime("TimeWait", &cfg.TimeWait, time.Minute, time.Millisecond, 240*time.Second),
		checkCongestion(cfg.Congestion),
		checkECN(cfg.ECN),
	)
	cfg.Congestion = cmp.Or(cfg.Congestion, CUBIC)
	if err == nil && cfg.DelayedAck >= 0 {
		const ms = time.Millisecond
		err = setTime("DelayedAck", &cfg.DelayedAck, 40*ms, ms, 500*ms)
	}
	if err == nil && cfg.KeepAlive >= 0 {
		err = setTime("KeepAlive", &cfg.KeepAlive, defaultKeepAlive, time.Second, 24*time.Hour)
	}
	return cfg, err
}

func setInt[T int | int64](name string, v *T, preset, low, high T) error {
	*v = cmp.Or(*v, preset)
	if *v < low || *v > high {
		return fmt.Errorf("tcp: Config.%s %d: want %d to %d", name, *v, low, high)
	}
	return nil
}

func setMemory(v *int64) error {
	if *v < 0 {
		return nil
	}
	return setInt("Memory", v, 512<<20, 1<<20, 1<<40)
}

func setTime(name string, v *time.Duration, preset, low, high time.Duration) error {
	*v = cmp.Or(*v, preset)
	if *v < low || *v > high {
		return fmt.Errorf("tcp: Config.%s %v: want %v to %v", name, *v, low, high)
	}
	return nil
}
