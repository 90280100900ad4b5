package stack_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/tcp"
	"github.com/tinystack/tinystack/trace"
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
	overLinks(b, echoBytes)
}

func echoBytes(b *testing.B, client, server *stack.Stack) {
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
}

// What it costs that events can be told: an echo of a byte without a tracer, with one that nobody
// listens to, and with one whose events go into a ring.
func BenchmarkTrace(b *testing.B) {
	for _, mode := range []string{"none", "nobody", "ring"} {
		b.Run(mode, func(b *testing.B) {
			tr := trace.New()
			var cfg [2]stack.Config
			if mode != "none" {
				cfg[0].Trace, cfg[1].Trace = tr.Node("a"), tr.Node("b")
			}
			if mode == "ring" {
				defer tr.Subscribe(trace.NewRing(1 << 12).Add)()
			}
			client, server := newStack(b, cfg[0]), newStack(b, cfg[1])
			join(b, client, "198.18.0.1/24", server, "198.18.0.2/24", link.PairConfig{})
			echoBytes(b, client, server)
		})
	}
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
