package explain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/gopacket/pcapgo"

	"github.com/tinystack/tinystack/trace"
)

// A second visit asks once, and needs less: the caches have the name, and most of the page.
func TestAgain(t *testing.T) { synctest.Test(t, testAgain) }

func testAgain(t *testing.T) {
	text, err := tell(t, Config{URL: "www.google.com", Again: true})
	if err != nil {
		t.Error(err)
	}
	_, second, _ := strings.Cut(text, "\nAgain: ")
	wantAll(t, second, []string{
		"browser its own cache 0.0 ms hit TTL 299 s", "ISP the resolver's cache, at 198.51.100.53 not asked has TTL",
		"If-None-Match", "304 Not Modified", "GET /doodle.png", "nothing is sent at all",
	})
	wantAll(t, text, nil)
}

// Each change does what it says, and is told beside the plain trip.
func TestChanges(t *testing.T) {
	for name, test := range map[string]struct {
		change Change
		told   []string
	}{
		"delay":   {Change{Delay: 50 * time.Millisecond}, []string{"50ms more delay each way", "SYN to SYN-ACK took 155.6 ms"}},
		"mss":     {Change{MSS: 536}, []string{"offers MSS 536", "bytes of data in a segment 1448 524 *"}},
		"rwnd":    {Change{Rwnd: 8192}, []string{"window 8192 bytes", "is smaller than cwnd: it is the limit"}},
		"cc":      {Change{CC: "reno", Lose: Losses{Packets: []int{20}}}, []string{"losing 20, reno", "lost there 0 1 *", "sent again 0 1 *"}},
		"no sack": {Change{NoSACK: true, Lose: Losses{Packets: []int{20}}}, []string{"units of 128 bytes), timestamps", "third duplicate ACK"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text, err := tell(t, Config{URL: "www.google.com", Change: test.change})
				if err != nil {
					t.Error(err)
				}
				wantAll(t, text, append(test.told, "What it changed:"))
			})
		})
	}
}

// Where nothing comes through, the browser gives up.
func TestNothingArrives(t *testing.T) { synctest.Test(t, testNothingArrives) }

func testNothingArrives(t *testing.T) {
	text, err := tell(t, Config{URL: "http://203.0.113.80/", Change: Change{Lose: Losses{Rate: 1}}})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	wantAll(t, text, []string{"No answer came", "the browser gives up", "What it changed: losing 100%"})
}

// What is out of range is refused by its name.
func TestConfigRanges(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]Config{
		"a delay of":          {Change: Change{Delay: -1}},
		"an MSS of 535":       {Change: Change{MSS: 535}},
		"a receive buffer of": {Change: Change{Rwnd: 1}},
		"congestion control":  {Change: Change{CC: "guess"}},
	} {
		cfg.URL = "www.google.com"
		var e *ConfigError
		if err := Run(t.Context(), cfg, io.Discard); !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// The ladder has all packets, and the states where they are entered; a lost one ends on the way.
func TestLadder(t *testing.T) { synctest.Test(t, testLadder) }

func testLadder(t *testing.T) {
	text, err := tell(t, Config{URL: "www.google.com", Ladder: true, Change: Change{Lose: Losses{Packets: []int{20}}}})
	if err != nil {
		t.Error(err)
	}
	_, ladder, _ := strings.Cut(text, "The ladder:")
	wantAll(t, ladder, []string{
		"1 0.0 |----- DNS: www.google.com A? ------>| router",
		"3 110.4 SYN-SENT |", "SYN --------------->| SYN-RECEIVED", "4 165.4 ESTABLISHED |<",
		"20 ", "| X----", "ACK 1 -------------->| ESTABLISHED", "FIN-WAIT-1 |", "TIME-WAIT |<", "LAST-ACK", "CLOSED",
	})
	wantAll(t, text, nil)
}

// A packet's causes go down to the request that it is part of the answer to.
func TestWhy(t *testing.T) { synctest.Test(t, testWhy) }

func testWhy(t *testing.T) {
	text, err := tell(t, Config{URL: "www.google.com", Why: 30})
	if err != nil {
		t.Error(err)
	}
	_, why, _ := strings.Cut(text, "Why packet 30?")
	wantAll(t, why, []string{"sent packet 30", "forwarded by edge, core, isp, home", "RFC 5681 3.1", "request GET http://www.google.com/doodle.png"})
	wantAll(t, text, nil)
	var e *ConfigError
	if err := Run(t.Context(), Config{URL: "www.google.com:1", Why: 1000}, io.Discard); !errors.As(err, &e) {
		t.Errorf("packet 1000: %v", err)
	}
}

// The capture has the packets that the story numbers, the lost one too, with their causes.
func TestPcap(t *testing.T) { synctest.Test(t, testPcap) }

func testPcap(t *testing.T) {
	var file, text bytes.Buffer
	cfg := Config{URL: "www.google.com", Pcap: &file, Change: Change{Lose: Losses{Packets: []int{20}}}}
	if err := Run(t.Context(), cfg, &text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"packet 20, because of: call write", "lost on this wire", "packet 1, because of: question www.google.com. A"} {
		if !bytes.Contains(file.Bytes(), []byte(want)) {
			t.Errorf("no comment says %q", want)
		}
	}
	r, err := pcapgo.NewNgReader(&file, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; ; n++ {
		data, info, err := r.ReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil || len(data) != info.Length || len(data) < 28 {
			t.Fatalf("packet %d: %d of %d bytes, %v", n+1, len(data), info.Length, err)
		}
	}
	if n < 70 {
		t.Errorf("%d packets", n)
	}
}

// In place of the story there are its events, each with the schema's number.
func TestJSON(t *testing.T) { synctest.Test(t, testJSON) }

func testJSON(t *testing.T) {
	text, err := tell(t, Config{URL: "www.google.com", JSON: true})
	if err != nil {
		t.Error(err)
	}
	n := 0
	for line := range strings.Lines(text) {
		var e struct {
			Schema int
			trace.Event
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Schema != trace.Schema || e.ID == 0 {
			t.Fatalf("%s: %v", line, err)
		}
		n++
	}
	if n < 500 {
		t.Errorf("%d events", n)
	}
}
