package httpd

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

var testInfo = ConnInfo{
	State: "ESTABLISHED", MSS: 1448, AdvMSS: 1460, PMTU: 1500, WindowScale: true, SndWscale: 7, RcvWscale: 9,
	SACK: true, Timestamps: true, RTT: 85123, RTTVar: 20456, RTO: 200 * time.Millisecond, Congestion: "cubic",
	Cwnd: 14480, SndWnd: 64256, RcvWnd: 65535, Retransmits: 3, BytesReceived: 77, BytesAcked: 5,
}

// What the stack knows is told, of the very connection that the listener gave.
func TestWelcomeTellsTheConnection(t *testing.T) {
	t.Parallel()
	var asked net.Conn
	s := newServer(t, Config{ConnInfo: func(c net.Conn) (ConnInfo, bool) { asked = c; return testInfo, true }})
	addr := listen(t, s)
	c := dialAndAsk(t, addr, "/")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body := readAll(t, resp.Body)
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	_, ourPort, _ := net.SplitHostPort(addr)
	at := -1
	for _, want := range []string{ // the story's order
		"<b>SYN</b>", "port " + port, "127.0.0.1 port " + ourPort, "1448 bytes (MSS)", "128 bytes (window scale 7)",
		"<b>SYN, ACK</b>", "1460 bytes (MSS)", "512 bytes (window scale 9)", "selective acknowledgments and timestamps",
		"<b>ACK</b>", "85.1µs, give or take 20.5µs", "200ms", "1500 bytes (MTU)", "<b>GET /</b>", "number 1 on",
		"<b>200 OK</b>", "14480 bytes, some 10 segments", "cubic", "slow start", "64256", "65535",
		"77 bytes", "5 of ours", "3 segments again", "ESTABLISHED", "<b>FIN, ACK, FIN, ACK</b>",
	} {
		i := strings.Index(body, want)
		if i < at {
			t.Errorf("%q is missing or not in order in\n%s", want, body)
		}
		at = max(i, at)
	}
	if asked == nil || asked.RemoteAddr().String() != c.LocalAddr().String() {
		t.Errorf("asked for %v", asked)
	}
	for line := range strings.Lines(body) {
		if len(line) > 120 {
			t.Errorf("a long line: %s", line)
		}
	}
}

func TestWelcomeFormat(t *testing.T) {
	t.Parallel()
	h := newServer(t, Config{}).Handler()
	for accept, want := range map[string]string{
		"":                                  "text/html",
		"*/*":                               "text/html",
		"text/html,application/xml;q=0.9":   "text/html",
		"text/plain":                        "text/plain",
		"text/plain, */*;q=0.1":             "text/plain",
		"text/plain;q=0.5, text/html":       "text/html",
		"text/*":                            "text/html",
		"text/html;q=0, text/*":             "text/plain",
		"image/png":                         "text/html",
		"TEXT/PLAIN;q=0.9, text/html;q=0.1": "text/plain",
	} {
		got := ask(t, h, "GET", "/", "Accept", accept)
		got.want(t, accept, http.StatusOK)
		got.wantHeader(t, accept, "Content-Type", want+"; charset=utf-8")
		got.wantHeader(t, accept, "Cache-Control", "no-store")
		if strings.Contains(got.body, "<") != (want == "text/html") || !strings.Contains(got.body, "SYN") {
			t.Errorf("Accept %q:\n%s", accept, got.body)
		}
	}
}

// What the visitor sent is shown, and is no markup.
func TestWelcomeEscapes(t *testing.T) {
	t.Parallel()
	h := newServer(t, Config{}).Handler()
	got := ask(t, h, "GET", "/?<script>alert(1)</script>"+strings.Repeat("x", 1000), "Host", "<b>")
	if strings.Contains(got.body, "<script>") || !strings.Contains(got.body, "&lt;script&gt;") || strings.Contains(got.body, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx") {
		t.Errorf("page\n%s", got.body)
	}
}

func TestBrief(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0s", 999: "999ns", 85123: "85.1µs", 1234567: "1.23ms", 12345678: "12.3ms", 200 * time.Millisecond: "200ms", 61234567890: "1m1.23s",
	} {
		if got := brief(d).String(); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}
