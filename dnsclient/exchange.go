package dnsclient

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/counter"
)

// buffers are for datagrams: the longest there are.
var buffers = sync.Pool{New: func() any { return new([dns.MaxMsgSize]byte) }}

// asked is one message sent to a server, and what came of it.
type asked struct {
	client *Client
	ctx    context.Context
	server netip.AddrPort
	query  *Query
	id     uint16

	began    time.Time
	conn     net.Conn
	sent     time.Time
	dropped  int
	lastDrop DropReason
}

// ask sends one message, over a socket and with an id of its own, and waits for
// its answer.
func (c *Client) ask(ctx context.Context, server netip.AddrPort, q Query) (*Reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, q.Timeout, os.ErrDeadlineExceeded)
	defer cancel()
	a := &asked{client: c, ctx: ctx, server: server, query: &q, id: c.id(), began: time.Now()}
	r, err := a.run()
	if err != nil {
		return nil, a.failure(err)
	}
	counter.Inc(&c.stats.Answers)
	traceOf(ctx).answer(AnswerEvent{q.Question, r})
	return r, nil
}

func (a *asked) run() (*Reply, error) {
	msg, err := a.query.message(a.id).Pack()
	if err != nil {
		return nil, err
	}
	if a.conn, err = a.client.dialer.DialContext(a.ctx, a.network(), a.server.String()); err != nil {
		return nil, err
	}
	defer a.conn.Close()
	// The end of ctx, which has a deadline, ends the reads and writes.
	stop := context.AfterFunc(a.ctx, func() { _ = a.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := a.send(msg); err != nil {
		return nil, err
	}
	return a.await()
}

func (a *asked) network() string {
	if a.query.TCP {
		return "tcp"
	}
	return "udp"
}

func (a *asked) send(msg []byte) error {
	if a.query.TCP { // its length and itself in one segment (RFC 7766 8)
		msg = append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
		counter.Inc(&a.client.stats.QuestionsTCP)
	}
	counter.Inc(&a.client.stats.Questions)
	traceOf(a.ctx).question(QuestionEvent{
		Question: a.query.Question, Server: a.server, Network: a.network(),
		ID: a.id, Recursion: a.query.Recursion, UDPSize: a.udpSize(), Conn: a.conn,
	})
	a.sent = time.Now()
	_, err := a.conn.Write(msg)
	return err
}

// udpSize is what the message says of EDNS; 0 is nothing.
func (a *asked) udpSize() int {
	if a.query.NoEDNS {
		return 0
	}
	return a.query.UDPSize
}

// await reads until the answer is there. What is not the answer may be somebody's
// forgery, so the wait goes on (RFC 5452 9.1).
func (a *asked) await() (*Reply, error) {
	buf := buffers.Get().(*[dns.MaxMsgSize]byte)
	defer buffers.Put(buf)
	for {
		b, err := a.read(buf[:])
		if err != nil {
			return nil, err
		}
		m, reason := check(b, a.id, a.query.Question)
		if reason != "" {
			a.drop(reason)
			continue
		}
		now := time.Now()
		return &Reply{
			Msg: m, Server: a.server, Network: a.network(), RTT: now.Sub(a.sent),
			Size: len(b), EDNS: !a.query.NoEDNS, At: now,
		}, nil
	}
}

// read reads one message; a datagram goes into buf.
func (a *asked) read(buf []byte) ([]byte, error) {
	if a.query.TCP {
		return readFrame(a.conn, dns.MaxMsgSize)
	}
	n, err := a.conn.Read(buf)
	return buf[:n], err
}

// errTooLong is what is wrong with a message that is longer than it may be.
var errTooLong = errors.New("the message is too long")

// readFrame reads one message, which has its length before it (RFC 1035 4.2.2).
func readFrame(r io.Reader, most int) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n > most {
		return nil, errTooLong
	}
	msg := make([]byte, n)
	if _, err := io.ReadFull(r, msg); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return msg, nil
}

func (a *asked) drop(reason DropReason) {
	a.dropped, a.lastDrop = a.dropped+1, reason
	counter.Inc(a.client.stats.drops(reason))
	traceOf(a.ctx).dropped(DropEvent{
		Question: a.query.Question, Server: a.server, Network: a.network(), Reason: reason,
	})
}

// drops is the counter of messages dropped for a reason.
func (s *ClientStats) drops(reason DropReason) *uint64 {
	switch reason {
	case DropShort:
		return &s.DropShort
	case DropQuery:
		return &s.DropQuery
	case DropID:
		return &s.DropID
	case DropOpcode:
		return &s.DropOpcode
	case DropQuestion:
		return &s.DropQuestion
	}
	return &s.DropMalformed
}
