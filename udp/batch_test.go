package udp

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// messages are datagrams of so many bytes each, to an address.
func messages(to netip.AddrPort, sizes ...int) []Message {
	ms := make([]Message, len(sizes))
	for i, n := range sizes {
		ms[i] = Message{Buffers: [][]byte{bytes.Repeat([]byte{byte(i)}, n)}, Addr: to}
	}
	return ms
}

// Messages in a row of one length and address, of which the last may be shorter, are one packet.
func TestRunLen(t *testing.T) {
	t.Parallel()
	a, b := netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")
	many := func(n, size int) (sizes []int) {
		for range n {
			sizes = append(sizes, size)
		}
		return sizes
	}
	for _, tt := range []struct {
		name string
		ms   []Message
		want int
	}{
		{"one", messages(a, 5), 1},
		{"equal", messages(a, 5, 5, 5), 3},
		{"shorter at the end", messages(a, 5, 5, 4, 4), 3},
		{"longer", messages(a, 5, 5, 6), 2},
		{"empty", messages(a, 5, 0, 5), 1},
		{"empty first", messages(a, 0, 0), 1},
		{"another address", append(messages(a, 5, 5), messages(b, 5)...), 2},
		{"64 at most", messages(a, many(100, 5)...), 64},
		{"64 KiB at most", messages(a, many(64, 1400)...), maxSuper / 1400},
	} {
		if got := runLen(tt.ms); got != tt.want {
			t.Errorf("%s: %d of %d, want %d", tt.name, got, len(tt.ms), tt.want)
		}
	}
}

// A batch arrives as the datagrams that it is, whatever they are; one read takes what is there,
// and says of each who sent it and whether it was cut.
func TestBatch(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	server := h.listen(t, 53)
	client := h.dial(t, server)
	sent := messages(netip.AddrPort{}, 100, 100, 30, 0, 300)
	sent[1].Buffers = [][]byte{{'s', 'p'}, nil, []byte("lit")}
	if n, err := client.WriteBatch(sent); n != 5 || err != nil {
		t.Fatalf("WriteBatch = %d, %v", n, err)
	}
	got := make([]Message, 4)
	for i := range got {
		got[i].Buffers = [][]byte{make([]byte, 3), make([]byte, 97)}
	}
	n, err := server.ReadBatch(got)
	if n != 4 || err != nil {
		t.Fatalf("ReadBatch = %d, %v; want 4", n, err)
	}
	for i, m := range got {
		want := sent[i].gather(nil)
		if b := m.gather(nil)[:m.N]; !bytes.Equal(b, want) || m.Addr != client.local || m.Truncated || sent[i].N != len(want) {
			t.Errorf("message %d: %q from %v, cut %t; sent %d bytes", i, b, m.Addr, m.Truncated, sent[i].N)
		}
	}
	if n, err := server.ReadBatch(got); n != 1 || err != nil || got[0].N != 100 || !got[0].Truncated {
		t.Errorf("the last: %d, %v, %+v", n, err, got[0])
	}
	if s := h.Stats(); s.OutDatagrams != 5 || s.InDatagrams != 5 {
		t.Errorf("counted %d out, %d in", s.OutDatagrams, s.InDatagrams)
	}
}

// A path that shrinks while a batch is sent in one packet takes the datagrams one by one, and each
// is counted once.
func TestWriteBatchShrunk(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	server := h.listen(t, 53)
	client := h.dial(t, server)
	h.shrunk = true
	if n, err := client.WriteBatch(messages(netip.AddrPort{}, 100, 100, 30)); n != 3 || err != nil {
		t.Fatalf("WriteBatch = %d, %v", n, err)
	}
	if s := h.Stats(); s.OutDatagrams != 3 || s.OutErrors != 0 || s.InDatagrams != 3 {
		t.Errorf("counted %d out, %d in error, %d in", s.OutDatagrams, s.OutErrors, s.InDatagrams)
	}
}

// One read takes 64 datagrams at most.
func TestReadBatchMost(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	server := h.listen(t, 53)
	client := h.dial(t, server)
	if n, err := client.WriteBatch(messages(netip.AddrPort{}, make([]int, 70)...)); n != 70 || err != nil {
		t.Fatalf("WriteBatch = %d, %v", n, err)
	}
	for _, want := range []int{64, 6} {
		if n, err := server.ReadBatch(make([]Message, 100)); n != want || err != nil {
			t.Errorf("ReadBatch = %d, %v; want %d", n, err, want)
		}
	}
}

// What can't be sent ends a batch, with the number of those before it and the error that Write
// or WriteTo has.
func TestWriteBatchErrors(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	server := h.listen(t, 53)
	client := h.dial(t, server)
	to := server.local
	gone := h.listen(t, 54)
	gone.Close()
	late := h.listen(t, 55)
	late.SetWriteDeadline(time.Unix(1, 0))
	for _, tt := range []struct {
		name string
		c    *Conn
		ms   []Message
		sent int
		want error
	}{
		{"too long", server, messages(to, 9, maxPayload+1, 9), 1, syscall.EMSGSIZE},
		{"too long for IPv4", server, messages(to, 9, maxPayload, 9), 1, syscall.EMSGSIZE},
		{"no port", server, append(messages(to, 7, 7), messages(netip.AddrPortFrom(loopback, 0), 7)...), 2, syscall.EINVAL},
		{"no route", server, append(messages(to, 7), messages(netip.AddrPortFrom(foreign, 9), 7)...), 1, syscall.ENETUNREACH},
		{"no address", server, messages(netip.AddrPort{}, 7), 0, syscall.EDESTADDRREQ},
		{"an address too many", client, messages(to, 7), 0, net.ErrWriteToConnected},
		{"closed", gone, messages(to, 7, 7), 0, net.ErrClosed},
		{"too late", late, messages(to, 7, 7), 0, os.ErrDeadlineExceeded},
	} {
		n, err := tt.c.WriteBatch(tt.ms)
		var op *net.OpError
		if n != tt.sent || !errors.Is(err, tt.want) || !errors.As(err, &op) || op.Op != "write" {
			t.Errorf("%s: %d sent, %v; want %d, %v", tt.name, n, err, tt.sent, tt.want)
		}
	}
	if n, err := server.WriteBatch(nil); n != 0 || err != nil {
		t.Errorf("nothing: %d, %v", n, err)
	}
	_, err := server.WriteBatch(messages(netip.AddrPortFrom(loopback, 0), 7))
	if !strings.Contains(err.Error(), "sendmmsg") {
		t.Errorf("the error is %q", err)
	}
}

func TestReadBatchErrors(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	c := h.listen(t, 53)
	ms := []Message{{Buffers: [][]byte{make([]byte, 9)}}}
	if n, err := c.ReadBatch(nil); n != 0 || err != nil {
		t.Errorf("no room: %d, %v", n, err)
	}
	c.SetReadDeadline(time.Unix(1, 0))
	if n, err := c.ReadBatch(ms); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("late: %d, %v", n, err)
	}
	c.Close()
	if n, err := c.ReadBatch(ms); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %d, %v", n, err)
	}
}
