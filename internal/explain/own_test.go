package explain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/link"
)

// wireDelay is that of the network, each way.
var wireDelay = link.ImpairConfig{Impairment: link.Impairment{Delay: 10 * time.Millisecond}}

// Over a network that is not the lab the story has what the stack knows, and says what it does not.
func TestOwn(t *testing.T) { synctest.Test(t, testOwn) }

func testOwn(t *testing.T) {
	e := newElsewhere(t, Change{}, wireDelay)
	e.serveNames()
	e.serveWeb(pages)
	var file bytes.Buffer
	text, err := tell(t, Config{URL: "www.example", Own: e.own, Ladder: true, Why: 4, Pcap: &file})
	if err != nil {
		t.Error(err)
	}
	wantAll(t, text, []string{
		nearIP + " on the device neta", farIP + ", the machine's kernel",
		"the name server " + farIP + " www.example. A?", "www.example A " + farIP + "; a resolver's, TTL 300 s",
		"is not to be seen from here", "host 198.18.5.0/24 there: it is on this wire neta not 0.0.0.0/0",
		"agrees to MSS 1460, window scale 7", "SYN to SYN-ACK took 20.0 ms",
		"8 The connection ends, and another one is needed", "FIN <-- the server is done: it sends no more",
		"CLOSE-WAIT -> LAST-ACK -> CLOSED", "Who closes first waits, and that was the server",
		"9 The handshake:", "60000 bytes of image/png, in 42 segments", "the timestamps that it echoes tell the rounds apart",
		"ESTABLISHED -> FIN-WAIT-1 -> TIME-WAIT", "server what it made of this is not ours to see",
		"the states of our end", "not ours", "|<----- DNS: NOERROR 198.18.5.1 -----|",
		"received packet 4, SYN-ACK", "why it was sent is not ours to see",
	})
	if n := bytes.Count(file.Bytes(), []byte("packet ")); n < 80 || !bytes.Contains(file.Bytes(), []byte("the device of the stack that took the trip")) {
		t.Errorf("the capture has %d packets with comments", n)
	}
}

// The rounds of slow start, seen from the receiver: ten segments, then what was acknowledged twice.
func TestOwnRounds(t *testing.T) { synctest.Test(t, testOwnRounds) }

func testOwnRounds(t *testing.T) {
	e := newElsewhere(t, Change{}, wireDelay)
	e.serveWeb(pages)
	text, err := tell(t, Config{URL: "http://" + farIP + "/picture", Own: e.own})
	if err != nil {
		t.Error(err)
	}
	_, table, _ := strings.Cut(text, "round     arrives   segments        bytes\n")
	table, _, _ = strings.Cut(table, "The host's window")
	var segments []int
	for line := range strings.Lines(table) {
		var n, count, size int
		var at float64
		if _, err := fmt.Sscanf(line, "%d %f ms %d %d", &n, &at, &count, &size); err == nil {
			segments = append(segments, count)
		}
	}
	if len(segments) != 3 || segments[0] != 10 || segments[1] < 18 || segments[1] > 20 {
		t.Errorf("the rounds have %d segments:\n%s", segments, text)
	}
}

// A connection that ends between two requests, for whatever reason, is no end of the story.
func TestOwnReconnects(t *testing.T) { synctest.Test(t, testOwnReconnects) }

func testOwnReconnects(t *testing.T) {
	e := newElsewhere(t, Change{}, wireDelay)
	e.serveWeb(pages)
	text, err := tell(t, Config{URL: "http://" + farIP + "/many", Own: e.own})
	if err != nil {
		t.Error(err)
	}
	wantAll(t, text, []string{
		"the first 16777216 bytes, more than which the browser takes of none", "The browser has enough of the response, and breaks off.",
		"200 OK, 4 bytes of text/plain", "The server may close it after each response", "200 OK, 60000 bytes of image/png",
	})
	if n := strings.Count(text, "The handshake:"); n != 3 {
		t.Errorf("%d handshakes:\n%s", n, text)
	}
}

// Losses are told as one end sees them: what it sent again, the gap and what filled it, and what came twice.
func TestOwnLosses(t *testing.T) { synctest.Test(t, testOwnLosses) }

func testOwnLosses(t *testing.T) {
	delay := wireDelay.Impairment
	out, in := delay, delay
	out.LoseIf = link.Packets(3)                                  // the request
	in.LoseIf, in.DuplicateIf = link.Packets(8), link.Packets(30) // of the server's segments
	e := newElsewhere(t, Change{}, link.ImpairConfig{Out: &out, In: &in})
	e.serveWeb(pages)
	text, err := tell(t, Config{URL: "http://" + farIP + "/picture", Own: e.own})
	if err != nil {
		t.Error(err)
	}
	wantAll(t, text, []string{
		"losses packet 4, the host's 79 bytes", "sent again", "some lines more: 79 bytes [packets 4 to 5]", "came before the 1448 bytes ahead of them: those were lost on the way, or overtaken",
		"fills the gap", "they were there already",
	})
}

// What goes wrong has the error that it is, and is told.
func TestOwnFailures(t *testing.T) {
	for name, test := range map[string]struct {
		url   string
		names bool
		is    func(error) bool
		told  []string
	}{
		"no such name":        {"nothing.example", true, isNotFound, []string{"answer too"}},
		"no name server":      {"www.example", false, isErr(syscall.ECONNREFUSED), []string{"error lookup www.example.", "could not be looked up"}},
		"refused":             {"http://" + farIP + ":81/", false, isErr(syscall.ECONNREFUSED), []string{"A RST is the answer"}},
		"nobody there":        {"http://198.18.5.77/", false, isErr(context.DeadlineExceeded), []string{"No answer came"}},
		"silent server":       {"http://" + farIP + "/never", false, isErr(context.DeadlineExceeded), []string{"did not come, or not whole"}},
		"reset":               {"http://" + farIP + "/reset", false, isErr(syscall.ECONNRESET), []string{"connection reset by peer"}},
		"less than announced": {"http://" + farIP + "/short", false, isErr(io.ErrUnexpectedEOF), []string{"did not come, or not whole"}},
		"nothing at all":      {"http://" + farIP + "/nothing", false, isErr(io.EOF), []string{"did not come, or not whole"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newElsewhere(t, Change{}, wireDelay)
				if test.names {
					e.serveNames()
				}
				e.serveWeb(wrongPages)
				text, err := tell(t, Config{URL: test.url, Own: e.own, Limit: 10 * time.Second})
				if !test.is(err) {
					t.Errorf("the error is %v", err)
				}
				wantAll(t, text, test.told)
			})
		})
	}
}

// Without a name server that can be reached the story says how to name one.
func TestOwnWithoutServers(t *testing.T) { synctest.Test(t, testOwnWithoutServers) }

func testOwnWithoutServers(t *testing.T) {
	e := newElsewhere(t, Change{}, wireDelay)
	e.own.Servers = nil
	text, err := tell(t, Config{URL: "www.example", Own: e.own})
	var dnsErr *net.DNSError
	if !errors.As(err, &dnsErr) || dnsErr.Name != "www.example." {
		t.Errorf("the error is %v", err)
	}
	wantAll(t, text, []string{"could not be looked up", "--dns-upstream"})
}

// A name server that says nothing is asked again, and then the name is not to be had.
func TestOwnSilentServer(t *testing.T) { synctest.Test(t, testOwnSilentServer) }

func testOwnSilentServer(t *testing.T) {
	e := newElsewhere(t, Change{}, wireDelay)
	if _, err := e.far.ListenPacket("udp", ":53"); err != nil {
		t.Fatal(err)
	}
	text, err := tell(t, Config{URL: "www.example", Own: e.own})
	var dnsErr *net.DNSError
	if !errors.As(err, &dnsErr) || !dnsErr.IsTimeout || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	wantAll(t, text, []string{"www.example. A? 0.0 ms", "www.example. A? 2000.0 ms", "could not be looked up"})
	if strings.Contains(text, "does not forward") {
		t.Error("nobody said that the machine does not forward")
	}
}

// Of a machine that does not forward it is said at once, for no silence tells it.
func TestOwnAlone(t *testing.T) { synctest.Test(t, testOwnAlone) }

func testOwnAlone(t *testing.T) {
	e := newElsewhere(t, Change{}, wireDelay)
	e.serveWeb(pages)
	e.own.Alone = true
	text, err := tell(t, Config{URL: "http://" + farIP + "/none", Own: e.own})
	if err != nil {
		t.Error(err)
	}
	wantAll(t, text, []string{"does not forward packets now", "404 Not Found"})
}

// A server that does not end its side is waited for no longer than the trip may take.
func TestOwnCloseLimit(t *testing.T) { synctest.Test(t, testOwnCloseLimit) }

func testOwnCloseLimit(t *testing.T) {
	e := newElsewhere(t, Change{}, wireDelay)
	ln, err := e.far.Listen("tcp", ":80")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		c, err := ln.Accept()
		if err == nil {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi")
		}
	}()
	began := time.Now()
	text, err := tell(t, Config{URL: "http://" + farIP + "/", Own: e.own, Limit: 500 * time.Millisecond})
	if err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > 600*time.Millisecond {
		t.Errorf("it took %v", d)
	}
	wantAll(t, text, []string{"has not ended its side yet"})
}

// A name of the hosts file is asked of nobody.
func TestOwnHosts(t *testing.T) { synctest.Test(t, testOwnHosts) }

func testOwnHosts(t *testing.T) {
	e := newElsewhere(t, Change{}, wireDelay)
	e.serveWeb(pages)
	hosts := &dnsclient.Hosts{}
	hosts.Add(netip.MustParseAddr(farIP), "here.example")
	e.own.Hosts = func() *dnsclient.Hosts { return hosts }
	text, err := tell(t, Config{URL: "here.example/none", Own: e.own})
	if err != nil {
		t.Error(err)
	}
	wantAll(t, text, []string{"here.example is " + farIP + "; no name server had to be asked", "404 Not Found"})
}

// Of what the caller's stack can't have, there is no story.
func TestOwnRefuses(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]Config{
		"lost on purpose in the lab only": {Change: Change{Lose: Losses{Packets: []int{1}}}},
		"a seed is the lab's":             {Seed: 1},
		"a limit of -1ns":                 {Limit: -1},
	} {
		cfg.URL, cfg.Own = "www.google.com", &Own{}
		var e *ConfigError
		if err := Run(t.Context(), cfg, io.Discard); !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
