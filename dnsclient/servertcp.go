package dnsclient

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/tinystack/tinystack/internal/counter"
)

// maxPipelined is how many questions of one connection may be in the works; it is
// read no further then (RFC 7766 6.2.1.1).
const maxPipelined = 16

// Serve answers questions that come over TCP, until the listener or the server is
// closed; it then returns net.ErrClosed. It closes the listener.
func (s *Server) Serve(ln net.Listener) error {
	h := s.hold(ln)
	if h == nil {
		_ = ln.Close()
		return net.ErrClosed
	}
	defer s.release(h)
	places := make(chan struct{}, s.cfg.MaxConns)
	for {
		select {
		case places <- struct{}{}:
		case <-s.ctx.Done():
			return net.ErrClosed
		}
		c, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return net.ErrClosed
			}
			return err
		}
		s.working.Add(1) // its own, while Serve has one
		go func() {
			defer s.working.Done()
			defer func() { <-places }()
			s.accepted(c)
		}()
	}
}

// accepted serves a connection, unless its client has too many.
func (s *Server) accepted(c net.Conn) {
	client := clientOf(c.RemoteAddr())
	if !s.clients.connect(client.Addr()) {
		counter.Inc(&s.stats.ConnsRefused)
		_ = c.Close()
		return
	}
	defer s.clients.disconnect(client.Addr())
	h := s.hold(c)
	if h == nil {
		_ = c.Close()
		return
	}
	defer s.release(h)
	(&serverConn{Conn: c, server: s, client: client}).serve()
}

// serverConn is a TCP connection with a client.
type serverConn struct {
	net.Conn
	server *Server
	client netip.AddrPort
	write  sync.Mutex
}

// serve answers questions, each when its answer is there, whatever came before (RFC
// 7766 7), until the client has no more, or is too slow.
func (c *serverConn) serve() {
	var working sync.WaitGroup
	defer working.Wait()
	pipeline := make(chan struct{}, maxPipelined)
	for {
		msg, err := c.question()
		if err != nil {
			return
		}
		counter.Inc(&c.server.stats.Questions)
		counter.Inc(&c.server.stats.QuestionsTCP)
		pipeline <- struct{}{}
		working.Go(func() {
			defer func() { <-pipeline }()
			c.answer(msg)
		})
	}
}

// question reads a question, all of which must come in time, however many bytes at once.
func (c *serverConn) question() ([]byte, error) {
	err := c.SetReadDeadline(time.Now().Add(c.server.cfg.IdleTimeout))
	if err != nil {
		return nil, err
	}
	msg, err := readFrame(c, maxQuestionLen)
	switch {
	case err == errTooLong:
		counter.Inc(&c.server.stats.DropLong)
	case errors.Is(err, os.ErrDeadlineExceeded):
		counter.Inc(&c.server.stats.ConnsIdle)
	}
	return msg, err
}

// answer waits for its turn, and answers a question. Who sends what has no answer is
// not talked to any more.
func (c *serverConn) answer(msg []byte) {
	s := c.server
	select {
	case s.slots <- struct{}{}:
	case <-s.ctx.Done():
		return
	}
	defer func() { <-s.slots }()
	b := s.answer(c.client, "tcp", msg)
	if b == nil || c.send(b) != nil {
		_ = c.Close()
	}
}

// send sends a message with its length before it, in one piece (RFC 7766 8).
func (c *serverConn) send(b []byte) error {
	framed := append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(b)), uint16(len(b))), b...)
	c.write.Lock()
	defer c.write.Unlock()
	err := c.SetWriteDeadline(time.Now().Add(c.server.cfg.IdleTimeout))
	if err == nil {
		_, err = c.Write(framed)
	}
	if err != nil {
		counter.Inc(&c.server.stats.SendErrors)
	}
	return err
}
