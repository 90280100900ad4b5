package ipv4

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pinged is what a Ping returned.
type pinged struct {
	reply EchoReply
	err   error
}

// ping starts a Ping and returns the request that went out, and where the result
// will be.
func (h *host) ping(e *Echo, ctx context.Context, r EchoRequest) (decoded, <-chan pinged) {
	h.Helper()
	done := make(chan pinged, 1)
	go func() {
		reply, err := e.Ping(ctx, r)
		done <- pinged{reply, err}
	}()
	synctest.Wait()
	return h.one(h.a), done
}

func (h *host) listenEcho() *Echo {
	h.Helper()
	e, err := h.ListenEcho()
	if err != nil {
		h.Fatal(err)
	}
	return e
}

func TestPing(t *testing.T) { synctest.Test(t, testPing) }

func testPing(t *testing.T) {
	h := newHost(t, Config{})
	e := h.listenEcho()
	defer e.Close()
	req, done := h.ping(e, t.Context(), EchoRequest{Remote: peerA, TTL: 7, TOS: 0x10, DF: true, Size: 100})
	if req.icmp.TypeCode.Type() != icmpEcho || req.icmp.Seq != 1 || len(req.icmp.Payload) != 100 ||
		req.TTL != 7 || req.TOS != 0x10 || req.Flags.String() != "DF" || req.from() != hostA {
		t.Errorf("sent %+v", req)
	}
	time.Sleep(20 * time.Millisecond)
	rest := uint32(req.icmp.Id)<<16 | 1
	answer := func(src netip.Addr, rest uint32, data []byte) {
		h.input(h.ia, build(Header{Protocol: 1, TTL: 60, Src: src, Dst: hostA}, icmpMessage(icmpEchoReply, 0, rest, data)))
	}
	answer(distant, rest, req.icmp.Payload)           // from somebody else
	answer(peerA, rest+1, req.icmp.Payload)           // to another request
	answer(peerA, rest^1<<16, req.icmp.Payload)       // to another socket
	answer(peerA, rest, bytes.Repeat([]byte{1}, 100)) // with other data
	synctest.Wait()
	if s := h.ICMPStats(); len(done) != 0 || s.DropUnknownEcho != 4 {
		t.Fatalf("a wrong reply was taken: %+v", s)
	}
	answer(peerA, rest, req.icmp.Payload)
	got := <-done
	want := EchoReply{From: peerA, Seq: 1, TTL: 60, Size: 108, RTT: 20 * time.Millisecond}
	if got.err != nil || got.reply != want {
		t.Errorf("reply %+v, want %+v", got, want)
	}
	answer(peerA, rest, req.icmp.Payload) // once more
	if s := h.ICMPStats(); s.DropUnknownEcho != 5 || s.InEchoReps != 6 || s.OutEchos != 1 || s.OutMsgs != 1 {
		t.Errorf("%+v", s)
	}
}

// Traceroute: the answer says who answered, and with what.
func TestPingErrors(t *testing.T) { synctest.Test(t, testPingErrors) }

func testPingErrors(t *testing.T) {
	h := newHost(t, Config{})
	h.addRoute(Entry{Dst: prefix("0.0.0.0/0"), Gateway: peerA})
	e := h.listenEcho()
	defer e.Close()
	tests := []struct {
		typ, code uint8
		rest      uint32
		want      EchoReply
	}{
		{icmpTimeExceeded, codeTransit, 0, EchoReply{Type: 11, Err: syscall.EHOSTUNREACH}},
		{icmpUnreachable, codeHost, 0, EchoReply{Type: 3, Code: 1, Err: syscall.EHOSTUNREACH}},
		{icmpUnreachable, codeFragNeeded, 1000, EchoReply{Type: 3, Code: 4, MTU: 1000, Err: syscall.EMSGSIZE}},
	}
	for i, tt := range tests {
		req, done := h.ping(e, t.Context(), EchoRequest{Remote: distant, TTL: 1})
		other := bytes.Clone(req.raw)
		copy(other[16:], peerB.AsSlice()) // about an echo request to somebody else
		h.input(h.ia, icmpFrom(peerA, hostA, tt.typ, tt.code, tt.rest, other))
		if len(done) != 0 {
			t.Fatal("an error about another packet was taken")
		}
		h.input(h.ia, icmpFrom(peerA, hostA, tt.typ, tt.code, tt.rest, req.raw[:28]))
		got := <-done
		tt.want.From, tt.want.Seq, tt.want.TTL, tt.want.Size = peerA, uint16(i+1), 64, 36
		if got.err != nil || got.reply != tt.want {
			t.Errorf("reply %+v, want %+v", got, tt.want)
		}
	}
	if mtu := h.route(distant).MTU(); mtu != 1000 {
		t.Errorf("the path's MTU is %d, want 1000", mtu)
	}
}

func TestPingEnds(t *testing.T) { synctest.Test(t, testPingEnds) }

func testPingEnds(t *testing.T) {
	h := newHost(t, Config{})
	e := h.listenEcho()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, done := h.ping(e, ctx, EchoRequest{Remote: peerA})
	if got := <-done; got.reply.Seq != 1 {
		t.Errorf("%+v", got)
	} else {
		wantErr(t, "timeout", got.err, context.DeadlineExceeded)
	}
	_, done = h.ping(e, t.Context(), EchoRequest{Remote: peerA})
	e.Close()
	e.Close()
	wantErr(t, "closed meanwhile", (<-done).err, net.ErrClosed)
	_, err := e.Ping(t.Context(), EchoRequest{Remote: peerA})
	wantErr(t, "closed before", err, net.ErrClosed)

	e = h.listenEcho()
	_, done = h.ping(e, t.Context(), EchoRequest{Remote: peerA})
	h.Close()
	wantErr(t, "layer closed", (<-done).err, net.ErrClosed)
	_, err = h.Ping(t.Context(), EchoRequest{Remote: peerA})
	wantErr(t, "layer closed before", err, net.ErrClosed)
	if len(e.waiting) != 0 || len(h.echoes.byID) != 0 {
		t.Error("something is left")
	}
}

func TestPingRefuses(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	tests := map[string]struct {
		r    EchoRequest
		want error
	}{
		"TTL":         {EchoRequest{Remote: peerA, TTL: 256}, syscall.EINVAL},
		"TTL below":   {EchoRequest{Remote: peerA, TTL: -1}, syscall.EINVAL},
		"TOS":         {EchoRequest{Remote: peerA, TOS: 256}, syscall.EINVAL},
		"size":        {EchoRequest{Remote: peerA, Size: 65508}, syscall.EMSGSIZE},
		"DF":          {EchoRequest{Remote: peerA, Size: 1473, DF: true}, syscall.EMSGSIZE},
		"no route":    {EchoRequest{Remote: distant}, syscall.ENETUNREACH},
		"not local":   {EchoRequest{Remote: peerA, Local: peerB}, syscall.EADDRNOTAVAIL},
		"broadcast":   {EchoRequest{Remote: netip.MustParseAddr("192.0.2.255")}, syscall.EACCES},
		"no receiver": {EchoRequest{}, syscall.EAFNOSUPPORT},
	}
	for name, tt := range tests {
		_, err := h.Ping(t.Context(), tt.r)
		wantErr(t, name, err, tt.want)
	}
	if len(h.echoes.byID) != 0 {
		t.Error("a socket is left")
	}
}

func TestPingItself(t *testing.T) { synctest.Test(t, testPingItself) }

func testPingItself(t *testing.T) {
	h := newHost(t, Config{})
	for _, size := range []int{-1, 0, 65507} {
		done := make(chan pinged, 1)
		go func() {
			reply, err := h.Ping(t.Context(), EchoRequest{Remote: lo, Size: size})
			done <- pinged{reply, err}
		}()
		synctest.Wait()
		h.loop()
		if got := <-done; got.err != nil || got.reply.From != lo || got.reply.Err != nil {
			t.Errorf("%+v", got)
		}
	}
}

// Sockets have identifiers of their own, and one socket's requests numbers.
func TestPingsKeptApart(t *testing.T) { synctest.Test(t, testPingsKeptApart) }

func testPingsKeptApart(t *testing.T) {
	h := newHost(t, Config{})
	e1, e2 := h.listenEcho(), h.listenEcho()
	defer e1.Close()
	defer e2.Close()
	if e1.id == e2.id {
		t.Fatal("same identifier")
	}
	r := EchoRequest{Remote: peerA}
	req1, done1 := h.ping(e1, t.Context(), r)
	req2, done2 := h.ping(e1, t.Context(), r)
	req3, done3 := h.ping(e2, t.Context(), r)
	for _, req := range []decoded{req3, req2, req1} {
		h.input(h.ia, icmpFrom(peerA, hostA, icmpEchoReply, 0, uint32(req.icmp.Id)<<16|uint32(req.icmp.Seq), req.icmp.Payload))
	}
	for i, done := range []<-chan pinged{done1, done2, done3} {
		want := uint16(1)
		if i == 1 {
			want = 2
		}
		if got := <-done; got.err != nil || got.reply.Seq != want {
			t.Errorf("%d: %+v", i, got)
		}
	}
}

func TestEchoSocketsAreBounded(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	for range maxEchoes {
		h.listenEcho()
	}
	_, err := h.ListenEcho()
	wantErr(t, "one more", err, syscall.EADDRINUSE)
}
