package stack_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/tcp"
)

// A transfer from one host to another, both ends included, in writes of 64 KiB.
func BenchmarkTCPTransfer(b *testing.B) {
	overLinks(b, func(b *testing.B, client, server *stack.Stack) {
		const size = 64 << 10
		go discard(listen(b, server, ":9"))
		c := dial(b, client, "tcp", "198.18.0.2:9")
		data := make([]byte, size)
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Write(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A byte there and back: two segments, each through both hosts' layers.
func BenchmarkTCPEcho(b *testing.B) {
	overLinks(b, func(b *testing.B, client, server *stack.Stack) {
		go echo(listen(b, server, ":7"))
		c := dial(b, client, "tcp", "198.18.0.2:7")
		data := []byte{'x'}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Write(data); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(c, data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A connection opened, and closed from the side that opened it, which keeps it
// in TIME-WAIT: for a moment, or ports would run out.
func BenchmarkTCPConnect(b *testing.B) {
	cfg := stack.Config{TCP: tcp.Config{TimeWait: 100 * time.Millisecond}}
	client, server := newStack(b, cfg), newStack(b, cfg)
	join(b, client, "198.18.0.1/24", server, "198.18.0.2/24", link.PairConfig{})
	go discard(listen(b, server, ":9"))
	b.ReportAllocs()
	for b.Loop() {
		must(b, dial(b, client, "tcp", "198.18.0.2:9").Close())
	}
}

// overLinks runs a benchmark between two hosts over each kind of link.
func overLinks(b *testing.B, run func(b *testing.B, client, server *stack.Stack)) {
	for name, cfg := range links {
		b.Run(name, func(b *testing.B) {
			client, server := two(b, cfg)
			run(b, client, server)
		})
	}
}

// discard throws away what comes on each connection, and closes when it ends.
func discard(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			io.Copy(io.Discard, c)
		}()
	}
}
