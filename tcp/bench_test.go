package tcp

import (
	"testing"

	"github.com/tinystack/tinystack/packet"
)

func BenchmarkParse(b *testing.B) {
	for name, h := range map[string]Header{
		"timestamps": {SrcPort: 1, DstPort: 2, Flags: ACK, Options: Options{HasTimestamps: true}},
		"sack":       {SrcPort: 1, DstPort: 2, Flags: ACK, Options: Options{HasTimestamps: true, NumSACK: 3}},
	} {
		b.Run(name, func(b *testing.B) {
			p := h.AppendTo(nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Parse(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendTo(b *testing.B) {
	h := Header{SrcPort: 1, DstPort: 2, Flags: ACK, Options: Options{HasTimestamps: true}}
	buf := make([]byte, 0, maxHeaderLen)
	b.ReportAllocs()
	for b.Loop() {
		h.AppendTo(buf)
	}
}

// BenchmarkBulk is a transfer through two layers in one goroutine: both ends' work.
func BenchmarkBulk(b *testing.B) {
	for _, tt := range []struct {
		name     string
		features packet.Features
		mtu      int
	}{
		{"mtu=1500", packet.TxChecksum, 1500},
		{"mtu=9000", packet.TxChecksum, 9000},
		{"tso", packet.TxChecksum | packet.TSO, 1500},
	} {
		b.Run(tt.name, func(b *testing.B) {
			w, from, to := newWirePair(b, tt.features, tt.mtu, Config{}, 1)
			p := make([]byte, 256<<10)
			q := make([]byte, 256<<10)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				transfer(b, w, from[0], to[0], p, q)
			}
		})
	}
}

// BenchmarkEcho is one byte to and fro.
func BenchmarkEcho(b *testing.B) {
	w, from, to := newWirePair(b, packet.TxChecksum, 1500, Config{}, 1)
	p, q := make([]byte, 1), make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		transfer(b, w, from[0], to[0], p, q)
		transfer(b, w, to[0], from[0], p, q)
	}
}

// transfer writes p to one end and reads it at the other.
func transfer(b testing.TB, w *wirePair, from, to *Conn, p, q []byte) {
	b.Helper()
	if _, err := from.Write(p); err != nil {
		b.Fatal(err)
	}
	for n := 0; n < len(p); {
		w.pump()
		m, err := to.Read(q[n:])
		if err != nil {
			b.Fatal(err)
		}
		n += m
	}
}

// BenchmarkHandshake opens and resets a connection.
func BenchmarkHandshake(b *testing.B) {
	w, _, _ := newWirePair(b, packet.TxChecksum, 1500, Config{}, 0)
	var ln *Listener
	for _, ln = range w.layers[1].listeners {
	}
	b.ReportAllocs()
	for b.Loop() {
		c, err := w.open(ln.addr)
		if err != nil {
			b.Fatal(err)
		}
		d, err := ln.AcceptTCP()
		if err != nil {
			b.Fatal(err)
		}
		c.SetLinger(0)
		c.Close()
		w.pump()
		d.Close()
		w.pump()
	}
}
