package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Ports of the servers.
const (
	echoPort    = 7
	discardPort = 9
	idlePort    = 11
	chargenPort = 19
	httpPort    = 80
)

// Sizes of the servers' and the client's buffers, in bytes.
const (
	bulkBuffer = 256 << 10
	echoBuffer = 4 << 10
)

// startServers starts all servers on a stack. They use a connection's Read and
// Write alone, so that none gains by a short cut of its own, such as splice.
func startServers(listen listenFunc) error {
	for port, handle := range map[uint16]func(net.Conn){
		echoPort:    echo,
		discardPort: discard,
		idlePort:    idle,
		chargenPort: chargen,
	} {
		ln, err := listen(port)
		if err != nil {
			return fmt.Errorf("port %d: %w", port, err)
		}
		go accept(ln, handle)
	}
	ln, err := listen(httpPort)
	if err != nil {
		return fmt.Errorf("port %d: %w", httpPort, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello\n") })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go server.Serve(ln)
	return nil
}

// accept serves each connection on a goroutine, for as long as the process lives.
func accept(ln net.Listener, handle func(net.Conn)) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			handle(c)
		}()
	}
}

func echo(c net.Conn) {
	b := make([]byte, echoBuffer)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}

func discard(c net.Conn) {
	b := make([]byte, bulkBuffer)
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

func chargen(c net.Conn) {
	b := make([]byte, bulkBuffer)
	for i := range b {
		b[i] = byte(' ' + i%95)
	}
	for {
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

// idle waits for a byte that does not come, as a server does for a request.
func idle(c net.Conn) {
	_, _ = c.Read(make([]byte, 1))
}
