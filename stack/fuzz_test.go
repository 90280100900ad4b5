package stack_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/stack"
)

// wiretap joins two hosts by a wire on which a third party sees all and may add
// frames of its own, but not take any away.
type wiretap struct {
	victim, peer *stack.Stack
	toVictim     *link.Pipe

	mu   sync.Mutex
	last []byte // the last packet that the peer sent to the victim
}

func newWiretap(t testing.TB) *wiretap {
	w := &wiretap{victim: newStack(t, stack.Config{}), peer: newStack(t, stack.Config{})}
	a, toVictim := link.Pair(link.PairConfig{Name: "victim"})
	b, toPeer := link.Pair(link.PairConfig{Name: "peer"})
	must(t, w.victim.AddInterface(a, netip.PrefixFrom(addrA, 24)))
	must(t, w.peer.AddInterface(b, netip.PrefixFrom(addrB, 24)))
	w.toVictim = toVictim
	go w.relay(toVictim, toPeer, func([]byte) {})
	go w.relay(toPeer, toVictim, func(b []byte) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.last = append(w.last[:0], b...)
	})
	t.Cleanup(func() {
		toVictim.Close()
		toPeer.Close()
	})
	return w
}

func (w *wiretap) relay(from, to *link.Pipe, see func([]byte)) {
	b := make([]byte, packet.MaxSize)
	for {
		n, o, err := from.Read(b, true)
		if err != nil {
			return
		}
		see(b[:n])
		send(to, b[:n], o)
	}
}

func send(dev *link.Pipe, b []byte, o packet.Offload) {
	p := packet.NewOut()
	defer p.Release()
	p.Offload, p.Body[0] = o, b
	dev.Write(p) // a frame above the MTU is refused, as on a real link
}

// sample returns a copy of the last packet that the peer sent.
func (w *wiretap) sample() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Clone(w.last)
}

// What the first byte of a step says to do with the bytes of the step.
const (
	stepRaw    = iota // a frame as it is
	stepFlip          // changes in the last packet
	stepForge         // the same, with good checksums
	stepInsert        // a payload, in an IP packet from the peer
	steps
)

// frame makes the frame that a step describes.
func frame(step byte, data, sample []byte) []byte {
	switch step % steps {
	case stepRaw:
		return bytes.Clone(data)
	case stepInsert:
		return insert(step/steps, data)
	}
	for i := 0; i+1 < len(data) && len(sample) > 0; i += 2 {
		sample[int(data[i])%len(sample)] ^= data[i+1]
	}
	if step%steps == stepForge {
		forge(sample)
	}
	return sample
}

// insert makes an IP packet of the given protocol from the peer.
func insert(protocol byte, payload []byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, []byte{1, 6, 17, protocol}[protocol%4]
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	copy(b[12:16], addrB.AsSlice())
	copy(b[16:20], addrA.AsSlice())
	b = append(b, payload...)
	forge(b)
	return b
}

// transportSum returns where an unfragmented packet's transport checksum is, and
// what it should be.
func transportSum(b []byte) (field []byte, sum uint16) {
	hlen := int(b[0]&15) * 4
	if hlen < 20 || len(b) < hlen {
		return nil, 0
	}
	at, ok := map[byte]int{1: 2, 6: 16, 17: 6}[b[9]]
	segment := b[hlen:]
	if !ok || len(segment) < at+2 {
		return nil, 0
	}
	field = segment[at : at+2]
	var s checksum.Sum
	if b[9] != 1 {
		src, _ := netip.AddrFromSlice(b[12:16])
		dst, _ := netip.AddrFromSlice(b[16:20])
		s.AddPseudo(src, dst, b[9], len(segment))
	}
	s.Add(segment[:at])
	s.Add([]byte{0, 0})
	s.Add(segment[at+2:])
	return field, s.Checksum()
}

// forge makes the checksums of a packet good, where there are any.
func forge(b []byte) {
	if len(b) < 20 {
		return
	}
	if field, sum := transportSum(b); field != nil {
		binary.BigEndian.PutUint16(field, sum)
	}
	if hlen := int(b[0]&15) * 4; hlen >= 20 && hlen <= len(b) {
		b[10], b[11] = 0, 0
		binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b[:hlen]))
	}
}

// plausible reports whether a frame could be the peer's own: then it may well end
// the connection, or add to what is read.
func plausible(b []byte) bool {
	if len(b) < 40 || b[9] != 6 {
		return false
	}
	hlen := int(b[0]&15) * 4
	if hlen < 20 || hlen > len(b) || checksum.Checksum(b[:hlen]) != 0 {
		return false
	}
	length := int(binary.BigEndian.Uint16(b[2:]))
	if length < hlen || length > len(b) {
		return false
	}
	field, sum := transportSum(b[:length])
	return field != nil && binary.BigEndian.Uint16(field) == sum
}

// Whatever frames come in while a TCP connection is live, the stack neither
// panics nor hangs; the connection goes on with its data intact, unless a frame
// was one that the peer could have sent; and new connections work.
func FuzzStack(f *testing.F) {
	f.Add([]byte{stepRaw, 1, 0x45, stepFlip, 4, 33, 4, 47, 1})
	f.Add([]byte{stepForge, 2, 33, 4})                         // flags become those of a reset
	f.Add([]byte{stepForge, 4, 24, 1, 33, 2})                  // a SYN, out of the window
	f.Add([]byte{stepForge, 2, 6, 0x20, stepForge, 2, 7, 5})   // fragments
	f.Add([]byte{stepForge, 2, 0, 0x0f, stepForge, 2, 32, 80}) // header lengths
	f.Add([]byte{stepInsert, 12, 3, 4, 0, 0, 0, 0, 0, 68, 0x45, 0, 0, 40})
	f.Add([]byte{stepInsert + 2*steps, 10, 0, 9, 0, 53, 0, 10, 0, 0, 1, 2})
	f.Fuzz(func(t *testing.T, script []byte) {
		synctest.Test(t, func(t *testing.T) { fuzzStack(t, script) })
	})
}

func fuzzStack(t *testing.T, script []byte) {
	w := newWiretap(t)
	go echo(listen(t, w.peer, ":7"))
	go echo(listen(t, w.victim, ":80"))
	go echoPackets(listenPacket(t, w.victim, ":53"))
	live := dial(t, w.victim, "tcp", "198.18.0.2:7")
	if err := echoes(live, "before"); err != nil {
		t.Fatal(err)
	}
	attacked := false
	for range 64 {
		if len(script) < 2 {
			break
		}
		step, n := script[0], min(int(script[1]), len(script)-2)
		b := frame(step, script[2:2+n], w.sample())
		script = script[2+n:]
		attacked = attacked || plausible(b)
		for range 3 { // once new, twice old
			send(w.toVictim, b, packet.Offload{})
			synctest.Wait()
		}
	}
	if err := echoes(live, "after"); err != nil && !attacked {
		t.Errorf("the connection did not survive: %v", err)
	}
	if err := echoes(dial(t, w.victim, "tcp", "198.18.0.2:7"), "again"); err != nil {
		t.Errorf("a new connection: %v", err)
	}
}

// echoes sends a message and wants it back.
func echoes(c net.Conn, message string) error {
	c.SetDeadline(time.Now().Add(time.Hour))
	if _, err := io.WriteString(c, message); err != nil {
		return err
	}
	b := make([]byte, len(message))
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	if string(b) != message {
		return &net.ParseError{Type: "echo", Text: string(b)}
	}
	return nil
}

// A flood of frames that each leave something behind (half-open connections,
// fragments without end, echo requests, datagrams nobody reads) takes no more
// memory than the bounds add up to.
func TestFloodIsBounded(t *testing.T) { synctest.Test(t, testFloodIsBounded) }

func testFloodIsBounded(t *testing.T) {
	w := newWiretap(t)
	listen(t, w.victim, ":80")
	listenPacket(t, w.victim, ":53")
	before := heap()
	const rounds = 8_000 // of more half-open connections than a listener keeps
	for i := range uint32(rounds) {
		for _, b := range flood(i) {
			send(w.toVictim, b, packet.Offload{})
		}
		if i%100 == 0 {
			synctest.Wait()
		}
	}
	synctest.Wait()
	if grown := int(heap()) - int(before); grown > 32<<20 {
		t.Errorf("%d rounds grew the heap by %d bytes", rounds, grown)
	}
	s := w.victim.Stats()
	if s.TCP.SynEvicted == 0 || s.IP.DropReasmMemory == 0 || s.UDP.RcvbufErrors == 0 || s.ICMP.OutEchoReps == 0 {
		t.Errorf("a bound was not met: %+v", s)
	}
	if err := echoes(loop(t, w.victim), "alive"); err != nil {
		t.Error(err)
	}
}

// flood returns the i-th frames of each kind, from a host that does not answer.
func flood(i uint32) [][]byte {
	syn := make([]byte, 20)
	binary.BigEndian.PutUint32(syn, i<<16|80)
	binary.BigEndian.PutUint32(syn[4:], i*2654435761)
	syn[12], syn[13] = 5<<4, 2
	piece := insert(2, make([]byte, 800))
	binary.BigEndian.PutUint32(piece[4:], i<<16|0x2001) // an identification of its own; more fragments follow
	datagram := append([]byte{0, 9, 0, 53, 1, 8, 0, 0}, make([]byte, 256)...)
	request := append([]byte{8, 0, 0, 0}, byte(i), byte(i>>8), 0, 0)
	frames := [][]byte{insert(1, syn), piece, insert(2, datagram), insert(0, request)}
	for _, b := range frames {
		b[15] = 77
		forge(b)
	}
	return frames
}

// loop connects a stack to itself.
func loop(t *testing.T, s *stack.Stack) net.Conn {
	go echo(listen(t, s, "127.0.0.1:7"))
	return dial(t, s, "tcp", "127.0.0.1:7")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
