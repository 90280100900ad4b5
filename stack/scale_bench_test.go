package stack_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/tcp"
)

// What a packet costs with few and with many connections open: a byte comes in on one of them, chosen at
// random, the application reads it and writes it back, and the peer acknowledges that: three packets.
func BenchmarkConnections(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("open=%d", n), func(b *testing.B) { echoOverMany(b, n) })
	}
}

func echoOverMany(b *testing.B, n int) {
	s, p := newManyPeers(b, stack.Config{})
	conns := openMany(b, s, p, n)
	chosen := make([]int, min(n, echoesAtOnce))
	part := n / len(chosen) // of which one is chosen, so that none is twice
	choose := func(which func(part int) int) []int {
		for j := range chosen {
			chosen[j] = j*part + which(part)
		}
		return chosen
	}
	for i := range max(part, 1000) { // each has what it takes to send
		echoOn(b, p, conns, choose(func(part int) int { return i % part }))
	}
	random := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += len(chosen) {
		echoOn(b, p, conns, choose(random.IntN))
	}
}

// echoesAtOnce is how many connections have an echo under way.
const echoesAtOnce = 32

// echoOn has a byte come in on each of the chosen connections, go back, and be acknowledged.
func echoOn(b *testing.B, p *manyPeers, conns []net.Conn, chosen []int) {
	data, buf := []byte{'x'}, make([]byte, 16)
	for _, i := range chosen {
		p.send(i, tcp.ACK|tcp.PSH, data)
	}
	for _, i := range chosen {
		if _, err := conns[i].Read(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := conns[i].Write(data); err != nil {
			b.Fatal(err)
		}
	}
	p.receive(len(chosen))
	for _, i := range chosen {
		p.send(i, tcp.ACK, nil)
	}
}

// openMany returns our ends of n connections.
func openMany(b *testing.B, s *stack.Stack, p *manyPeers, n int) []net.Conn {
	b.Helper()
	ln := listen(b, s, fmt.Sprintf(":%d", peersPort))
	conns := make([]net.Conn, n)
	p.open(0, n, func(i int) {
		var err error
		if conns[i], err = ln.Accept(); err != nil {
			b.Fatal(err)
		}
	})
	return conns
}

// How fast connections are accepted: SYN, SYN-ACK, ACK, Accept, and a RST so that they do not add up.
func BenchmarkAccept(b *testing.B) {
	s, p := newManyPeers(b, stack.Config{})
	ln := listen(b, s, fmt.Sprintf(":%d", peersPort))
	open := func(n int) {
		p.open(0, n, func(int) {
			if _, err := ln.Accept(); err != nil {
				b.Fatal(err)
			}
		})
		for i := range n {
			p.send(i, tcp.RST, nil)
		}
	}
	open(atOnce)
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= atOnce {
		open(min(left, atOnce))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepts/s")
}

// What idle connections take, that nobody reads from: bytes of heap, and of resident memory, each; the heap
// again after each has echoed a byte; and how long a collection of garbage takes with all of them. A million
// need 1.3 GB.
func BenchmarkIdleConnections(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("open=%d", n), func(b *testing.B) {
			for b.Loop() {
				beIdle(b, n)
			}
		})
	}
}

func beIdle(b *testing.B, n int) {
	s, p := newManyPeers(b, stack.Config{})
	p.ends = make([]peerEnd, n)
	heap, rss := memoryInUse(b)
	conns := openMany(b, s, p, n)
	moreHeap, moreRSS := memoryInUse(b)
	each := func(more, before int) float64 {
		return float64(more-before)/float64(n) - float64(unsafe.Sizeof(conns[0]))
	}
	b.ReportMetric(each(moreHeap, heap), "heap-B/conn")
	b.ReportMetric(each(moreRSS, rss), "rss-B/conn")
	for i := 0; i < n; i += 8 {
		echoOn(b, p, conns, []int{i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7})
	}
	moreHeap, _ = memoryInUse(b)
	b.ReportMetric(each(moreHeap, heap), "used-heap-B/conn")
	start := time.Now()
	runtime.GC()
	b.ReportMetric(float64(time.Since(start).Milliseconds()), "gc-ms")
	runtime.KeepAlive(conns)
	must(b, s.Close())
}

// memoryInUse returns the bytes of heap in use and of resident memory, without garbage.
func memoryInUse(b *testing.B) (heap, rss int) {
	b.Helper()
	debug.FreeOSMemory()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	statm, err := os.ReadFile("/proc/self/statm")
	must(b, err)
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	must(b, err)
	return int(m.HeapAlloc), pages * os.Getpagesize()
}
