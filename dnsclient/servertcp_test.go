package dnsclient

import (
	"context"
	"encoding/binary"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// dialTCP connects as a client.
func (c *fakeClient) dialTCP(t *testing.T) net.Conn {
	t.Helper()
	conn, err := c.DialContext(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func framed(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }

// readMsg reads a message; nil at the connection's end.
func readMsg(c net.Conn) *dns.Msg {
	b, err := readFrame(c, dns.MaxMsgSize)
	m := new(dns.Msg)
	if err != nil || m.Unpack(b) != nil {
		return nil
	}
	return m
}

func queryBytes(id uint16, name string) []byte {
	return packed((&Query{Question: question(name, dns.TypeA), Recursion: true, UDPSize: 1232}).message(id))
}

// A question may come a byte at a time, if all of it comes in time; the connection
// serves further ones.
func TestServerTCPByBytes(t *testing.T) { synctest.Test(t, testServerTCPByBytes) }

func testServerTCPByBytes(t *testing.T) {
	s, p := served(t, ServerConfig{Resolver: exampleAnswers})
	c := p.from(clientIP).dialTCP(t)
	defer c.Close()
	for id := range uint16(3) {
		for _, b := range framed(queryBytes(id, "four.example.")) {
			time.Sleep(100 * time.Millisecond)
			_, _ = c.Write([]byte{b})
		}
		if m := readMsg(c); m == nil || m.Id != id || len(m.Answer) != 1 {
			t.Errorf("question %d: %v, want its answer", id, m)
		}
	}
	start := time.Now()
	for _, b := range framed(queryBytes(3, "four.example.")) {
		time.Sleep(time.Second)
		if _, err := c.Write([]byte{b}); err != nil {
			break
		}
	}
	if took := time.Since(start); took > 11*time.Second {
		t.Errorf("a byte each second was taken for %v, want 10s", took)
	}
	if st := s.Stats(); st.ConnsIdle != 1 || st.QuestionsTCP != 3 {
		t.Errorf("counters %+v", st)
	}
}

// One question that takes long does not hold up the answers to the others.
// https://www.rfc-editor.org/rfc/rfc7766#section-7
func TestServerTCPPipelines(t *testing.T) { synctest.Test(t, testServerTCPPipelines) }

func testServerTCPPipelines(t *testing.T) {
	_, p := served(t, ServerConfig{Resolver: answers(func(_ context.Context, q dns.Question) (*Answer, error) {
		if q.Name == "slow.example." {
			time.Sleep(15 * time.Second) // longer than the connection may idle
		}
		return &Answer{}, nil
	})})
	c := p.from(clientIP).dialTCP(t)
	defer c.Close()
	_, _ = c.Write(framed(queryBytes(1, "slow.example.")))
	_, _ = c.Write(framed(queryBytes(2, "fast.example.")))
	for _, want := range []uint16{2, 1} {
		if m := readMsg(c); m == nil || m.Id != want {
			t.Errorf("%v, want the answer to %d", m, want)
		}
	}
}

// Connections that say nothing end; one client has no more than a quarter of them.
func TestServerTCPConns(t *testing.T) { synctest.Test(t, testServerTCPConns) }

func testServerTCPConns(t *testing.T) {
	s, p := served(t, ServerConfig{Resolver: exampleAnswers, MaxConns: 8})
	open := func(c net.Conn) bool {
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		_, err := c.Read(make([]byte, 1))
		e, ok := err.(net.Error)
		return ok && e.Timeout()
	}
	var conns []net.Conn
	for range 3 {
		conns = append(conns, p.from(clientIP).dialTCP(t))
		synctest.Wait()
	}
	if !open(conns[0]) || !open(conns[1]) || open(conns[2]) {
		t.Error("of three connections the first two should be open, the third closed")
	}
	conns = append(conns, p.from("198.18.0.77").dialTCP(t))
	if !open(conns[3]) {
		t.Error("another client's connection is closed")
	}
	time.Sleep(11 * time.Second)
	for i, c := range conns {
		if open(c) {
			t.Errorf("connection %d is open though idle", i)
		}
		c.Close()
	}
	synctest.Wait()
	if st := s.Stats(); st.ConnsRefused != 1 || st.ConnsIdle != 3 || len(s.clients.open) != 0 {
		t.Errorf("counters %+v, connections of %v", st, s.clients.open)
	}
}

// Who does not read answers is not waited for; who sends what is no question is not
// listened to.
func TestServerTCPRudeClients(t *testing.T) { synctest.Test(t, testServerTCPRudeClients) }

func testServerTCPRudeClients(t *testing.T) {
	s, p := served(t, ServerConfig{Resolver: exampleAnswers})
	deaf := p.from(clientIP).dialTCP(t)
	defer deaf.Close()
	_, _ = deaf.Write(framed(queryBytes(1, "four.example.")))
	time.Sleep(11 * time.Second)
	if _, err := deaf.Write([]byte{0}); err == nil {
		t.Error("the connection of one who does not read is still open")
	}
	for _, b := range [][]byte{{0, 0}, {0, 5, 1, 2, 3, 4, 5}, {0x10, 1}, framed(packed(reply(exampleQuery())))} {
		c := p.from(clientIP).dialTCP(t)
		_, _ = c.Write(b)
		if m := readMsg(c); m != nil {
			t.Errorf("%x is answered: %v", b, m)
		}
		c.Close()
	}
	synctest.Wait()
	if st := s.Stats(); st.SendErrors != 1 || st.DropShort != 2 || st.DropLong != 1 || st.DropResponse != 1 {
		t.Errorf("counters %+v", st)
	}
}

func exampleQuery() *dns.Msg { return new(dns.Msg).SetQuestion("www.example.", dns.TypeA) }
