package stack_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/tcp"
	"github.com/tinystack/tinystack/trace"
)

// A transfer from one host to another, both ends included, in writes of 64 KiB, and the share of the
// garbage collector in what it takes of the processors.
func BenchmarkTCPTransfer(b *testing.B) {
	overLinks(b, func(b *testing.B, client, server *stack.Stack) {
		go discard(listen(b, server, ":9"))
		for _, n := range []int{1, 4} {
			b.Run(fmt.Sprintf("conns=%d", n), func(b *testing.B) { transferOver(b, client, n) })
		}
	})
}

func transferOver(b *testing.B, client *stack.Stack, conns int) {
	const size = 64 << 10
	data := make([]byte, size)
	b.SetBytes(size)
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	gc := collectorTime()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range conns {
		c := dial(b, client, "tcp", "198.18.0.2:9")
		defer c.Close()
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := c.Write(data); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(100*gc.share(collectorTime()), "gc-%")
}

// cpuTime is what the process took of the processors so far, in seconds.
type cpuTime struct{ collector, all float64 }

// collectorTime returns how it was spent up to now.
func collectorTime() cpuTime {
	runtime.GC() // which brings the figures up to date
	s := []metrics.Sample{
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/total:cpu-seconds"},
		{Name: "/cpu/classes/idle:cpu-seconds"},
	}
	metrics.Read(s)
	return cpuTime{s[0].Value.Float64(), s[1].Value.Float64() - s[2].Value.Float64()}
}

// share is the garbage collector's since then.
func (t cpuTime) share(now cpuTime) float64 { return (now.collector - t.collector) / (now.all - t.all) }

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
