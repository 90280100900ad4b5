package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Ports of the services, the same for TCP and UDP.
const (
	echoPort    = 7  // RFC 862
	discardPort = 9  // RFC 863
	chargenPort = 19 // RFC 864
)

// maxServiceConns bounds the connections that a service holds at a time; more wait in the
// listener's queue.
const maxServiceConns = 1024

// streamService serves one TCP connection and closes it.
type streamService func(net.Conn)

// datagramService fills answer for a request and returns its length, or -1 for none.
type datagramService func(answer, request []byte) int

type service struct {
	name     string
	port     uint16
	stream   streamService
	datagram datagramService
}

var services = []service{
	{"echo", echoPort, echoStream, echoDatagram},
	{"discard", discardPort, discardStream, discardDatagram},
	{"chargen", chargenPort, chargenStream, chargenDatagram},
}

// listener makes sockets: the stack, or what tests have in its place.
type listener interface {
	Listen(network, address string) (net.Listener, error)
	ListenPacket(network, address string) (net.PacketConn, error)
}

// startServices serves all services until the sockets are closed, which is the
// stack's to do; failed gets the error of one that ends otherwise.
func startServices(l listener, failed chan<- error) error {
	for _, s := range services {
		address := fmt.Sprintf(":%d", s.port)
		ln, err := l.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		pc, err := l.ListenPacket("udp", address)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		go func() { tell(failed, serveStreams(ln, s.stream)) }()
		go func() { tell(failed, serveDatagrams(pc, s.datagram)) }()
	}
	return nil
}

// tell hands err, unless it is nil, to who waits for the first error.
func tell(failed chan<- error, err error) {
	if err == nil {
		return
	}
	select {
	case failed <- err:
	default:
	}
}

// serveStreams accepts connections until the listener is closed.
func serveStreams(ln net.Listener, serve streamService) error {
	slots := make(chan struct{}, maxServiceConns)
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		slots <- struct{}{}
		c, err := ln.Accept()
		if err != nil {
			return unlessClosed(err)
		}
		if k, ok := c.(interface{ SetKeepAlive(bool) error }); ok {
			_ = k.SetKeepAlive(true) // a client that vanished frees its slot
		}
		wg.Go(func() {
			defer func() { <-slots }()
			serve(c)
		})
	}
}

// echoStream sends back what comes, until the client has sent all.
func echoStream(c net.Conn) {
	defer c.Close()
	_, _ = io.Copy(c, c)
}

// discardStream throws away what comes.
func discardStream(c net.Conn) {
	defer c.Close()
	_, _ = io.Copy(io.Discard, c)
}

// chargenStream sends lines without end, and throws away what comes.
func chargenStream(c net.Conn) {
	go func() { _, _ = io.Copy(io.Discard, c) }() // ends when c is closed
	defer c.Close()
	for {
		if _, err := c.Write(chargenLines); err != nil {
			return
		}
	}
}

// chargenLines is one whole round of RFC 864's pattern: 95 lines of 72 of the 95
// printable characters, each starting one character later.
var chargenLines = func() []byte {
	const first, printable, width = ' ', 95, 72
	var b []byte
	for line := range printable {
		for i := range width {
			b = append(b, byte(first+(line+i)%printable))
		}
		b = append(b, "\r\n"...)
	}
	return b
}()

// serveDatagrams answers requests until the socket is closed. It does not answer
// one that comes from such a service, which would answer in turn for ever.
func serveDatagrams(pc net.PacketConn, serve datagramService) error {
	request, answer := make([]byte, 65535), make([]byte, 65535)
	for {
		n, peer, err := pc.ReadFrom(request)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil { // of an earlier answer, say; it must not end the service, nor make it spin
			time.Sleep(time.Millisecond)
			continue
		}
		if isService(peer) {
			continue
		}
		if n = serve(answer, request[:n]); n >= 0 {
			_, _ = pc.WriteTo(answer[:n], peer) // a datagram may be lost
		}
	}
}

func isService(a net.Addr) bool {
	p, ok := a.(interface{ AddrPort() netip.AddrPort })
	return ok && (p.AddrPort().Port() == echoPort || p.AddrPort().Port() == chargenPort)
}

func echoDatagram(answer, request []byte) int { return copy(answer, request) }

func discardDatagram(_, _ []byte) int { return -1 }

// chargenDatagram answers with up to 512 characters, of a random number as
// RFC 864 wants, but never more than it was sent: whoever forges a sender's
// address gains nothing by it.
func chargenDatagram(answer, request []byte) int {
	n := rand.IntN(513)
	return copy(answer[:min(n, len(request))], chargenLines)
}

func unlessClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
