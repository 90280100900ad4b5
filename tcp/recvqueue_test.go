package tcp

import (
	"bytes"
	"testing"

	"github.com/tinystack/tinystack/packet"
)

// inBuffer is a packet with data, in memory of its own.
func inBuffer(d *dice, data []byte) *packet.In {
	size := 2048
	for size < len(data)+40 {
		size *= 2
	}
	if d.n(3) == 0 {
		size *= 8 // mostly empty: not worth keeping
	}
	buf := &packet.Buffer{B: make([]byte, size)}
	n := copy(buf.B[40:], data)
	in := new(packet.In)
	in.Fill(buf)
	in.Packet = buf.B[:40+n]
	in.Payload = buf.B[20 : 40+n]
	return in
}

// payloadOf is the data within the packet that inBuffer made.
func payloadOf(in *packet.In) []byte { return in.Payload[20:] }

// checkChunks fails if a queue counts wrong, or two of its chunks share a buffer.
func checkChunks(t *testing.T, q *recvQueue) {
	t.Helper()
	seen := make(map[*packet.Buffer]bool)
	n := 0
	var last *chunk
	for c := q.head; c != nil; c = c.next {
		if seen[c.buf] {
			t.Fatal("a buffer is in the queue twice")
		}
		if len(c.data) == 0 {
			t.Fatal("an empty chunk")
		}
		seen[c.buf] = true
		n += len(c.data)
		last = c
	}
	if n != q.n || last != q.tail {
		t.Fatalf("the queue counts %d bytes and holds %d", q.n, n)
	}
}

func checkRecvQueue(t *testing.T, d *dice, steps int) {
	t.Helper()
	var q recvQueue
	var model []byte
	next := int64(1)
	for range steps {
		switch d.n(5) {
		case 0: // small, without a buffer
			p := patternAt(next, 1+d.n(100))
			q.push(p, nil)
			model, next = append(model, p...), next+int64(len(p))
		case 1: // in a packet's buffer
			p := patternAt(next, 1+d.n(9000))
			in := inBuffer(d, p)
			buf := in.Buffer()
			q.push(payloadOf(in), in)
			if kept := in.Buffer() == nil; kept != worthKeeping(len(p), buf) {
				t.Fatalf("%d bytes in %d: kept %v", len(p), len(buf.B), kept)
			}
			if in.Buffer() != nil {
				clear(in.Buffer().B) // the next packet overwrites it
			}
			model, next = append(model, p...), next+int64(len(p))
		case 2: // from reassembly
			p := patternAt(next, 1+d.n(2000))
			buf := packet.Get(len(p))
			q.pushChunk(newChunk(buf, buf.B[:copy(buf.B, p)]))
			model, next = append(model, p...), next+int64(len(p))
		case 3:
			p := make([]byte, d.n(5000))
			n := q.read(p)
			if n != min(len(p), len(model)) || !bytes.Equal(p[:n], model[:n]) {
				t.Fatalf("read %d of %d with room for %d, or wrong bytes", n, len(model), len(p))
			}
			model = model[n:]
		case 4:
			c := q.pop()
			if (c == nil) != (len(model) == 0) {
				t.Fatalf("pop gave %v of %d bytes", c, len(model))
			}
			if c != nil {
				if !bytes.Equal(c.data, model[:len(c.data)]) {
					t.Fatal("pop gave wrong bytes")
				}
				model = model[len(c.data):]
				c.release()
			}
		}
		if q.n != len(model) {
			t.Fatalf("the queue has %d bytes, want %d", q.n, len(model))
		}
		checkChunks(t, &q)
	}
	q.free()
	if q != (recvQueue{}) {
		t.Fatalf("after free: %+v", q)
	}
}

func TestRecvQueueAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(15) {
		checkRecvQueue(t, seeded(seed), 200)
	}
}

// FuzzRecvQueue: bytes come out as they went in, whoever owns the memory, and an empty queue holds none.
func FuzzRecvQueue(f *testing.F) {
	f.Add([]byte("\x00\x20\x01\x10\x00\x02\x30\x03\x10\x00\x04"))
	f.Fuzz(func(t *testing.T, script []byte) { checkRecvQueue(t, newDice(script), min(len(script), 500)) })
}

// A peer that sends single bytes must not make us hold a buffer for each.
func TestRecvQueueIsDense(t *testing.T) {
	t.Parallel()
	var q recvQueue
	in := inBuffer(seeded(1), []byte{1})
	for range 100_000 {
		q.push(payloadOf(in), in)
	}
	held := 0
	for c := q.head; c != nil; c = c.next {
		held += len(c.buf.B)
	}
	if held > 4*q.n {
		t.Errorf("%d bytes in single bytes hold %d", q.n, held)
	}
	q.free()
}
