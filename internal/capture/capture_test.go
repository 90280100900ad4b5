package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// serialize writes the layers, with lengths and checksums.
func serialize(t *testing.T, l ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, l...); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(b.Bytes())
}

func ip4(src, dst string, protocol layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{
		Version: 4, TTL: 64, Protocol: protocol,
		SrcIP: netip.MustParseAddr(src).AsSlice(), DstIP: netip.MustParseAddr(dst).AsSlice(),
	}
}

func udpPacket(t *testing.T, src, dst uint16) []byte {
	t.Helper()
	return serialize(t, ip4("198.18.0.1", "198.18.0.2", layers.IPProtocolUDP),
		&layers.UDP{SrcPort: layers.UDPPort(src), DstPort: layers.UDPPort(dst)}, gopacket.Payload("data"))
}

func TestFilter(t *testing.T) {
	t.Parallel()
	plain := udpPacket(t, 4000, 53)
	later := bytes.Clone(plain)
	binary.BigEndian.PutUint16(later[6:], 100)
	options := ip4("198.18.0.1", "198.18.0.2", layers.IPProtocolTCP)
	options.Options = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
	tcp := serialize(t, options, &layers.TCP{SrcPort: 80, DstPort: 5000})
	unreachable := serialize(t, ip4("198.18.0.2", "198.18.0.9", layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 3)}, gopacket.Payload(plain))
	echo := serialize(t, ip4("198.18.0.1", "198.18.0.2", layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}, gopacket.Payload(plain))
	v6 := serialize(t, &layers.IPv6{
		Version: 6, NextHeader: layers.IPProtocolUDP, SrcIP: netip.MustParseAddr("fd00::1").AsSlice(),
		DstIP: netip.MustParseAddr("fd00::2").AsSlice(),
	}, &layers.UDP{SrcPort: 7, DstPort: 8})
	for _, tt := range []struct {
		filter string
		name   string
		packet []byte
		want   bool
	}{
		{"", "all", plain, true},
		{"", "what is no packet", []byte{1}, true},
		{"port 53", "what is no packet", []byte{1}, false},
		{"port 53", "nothing", nil, false},
		{"host 198.18.0.1", "source", plain, true},
		{"host 198.18.0.2", "destination", plain, true},
		{"host 198.18.0.3", "neither", plain, false},
		{"port 4000", "source", plain, true},
		{"port 53", "destination", plain, true},
		{"port 54", "neither", plain, false},
		{"host 198.18.0.1 port 53", "both", plain, true},
		{"host 198.18.0.1 port 54", "the host alone", plain, false},
		{"host 198.18.0.3 and port 53", "the port alone", plain, false},
		{"host 198.18.0.2", "later fragment", later, true},
		{"port 53", "later fragment", later, false},
		{"port 80", "behind options", tcp, true},
		{"port 80", "cut before the ports", tcp[:25], false},
		{"port 80", "cut in the header", tcp[:21], false},
		{"port 53", "an error about it", unreachable, true},
		{"host 198.18.0.1", "an error about it", unreachable, true},
		{"host 198.18.0.9", "the error itself", unreachable, true},
		{"port 53", "an error, cut", unreachable[:40], false},
		{"port 53", "an echo of it", echo, false},
		{"host fd00::2 port 7", "IPv6", v6, true},
		{"port 53", "IPv6", v6, false},
	} {
		f, err := ParseFilter(strings.Fields(tt.filter))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Match(tt.packet); got != tt.want {
			t.Errorf("%q of %s: %v, want %v", tt.filter, tt.name, got, tt.want)
		}
	}
}

func TestParseFilterRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"host", "port", "and", "and port 1", "port 1 and", "net 1.2.3.4", "host a", "port 0", "port 65536", "port -1",
		"port http", "port 1 port 2", "host 1.1.1.1 host 2.2.2.2", "port 1 or port 2",
	} {
		if f, err := ParseFilter(strings.Fields(s)); err == nil {
			t.Errorf("%q is %q, want an error", s, f)
		}
	}
}

func FuzzFilter(f *testing.F) {
	f.Add([]byte{0x45}, uint16(53))
	f.Fuzz(func(t *testing.T, b []byte, port uint16) {
		// A filter for more never selects less.
		host := Filter{Host: netip.MustParseAddr("198.18.0.1")}
		both := Filter{Host: host.Host, Port: port}
		if both.Match(b) && !host.Match(b) {
			t.Errorf("%x matches %q and not %q", b, both, host)
		}
	})
}

// device is a capture, and the end of a pair that it reads from.
func device(t *testing.T) (*link.Capture, *link.Pipe) {
	t.Helper()
	a, b := link.Pair(link.PairConfig{})
	c := link.NewCapture(a)
	t.Cleanup(func() { c.Close(); b.Close() })
	return c, b
}

func send(t *testing.T, d link.Device, b []byte) {
	t.Helper()
	p := packet.NewOut()
	defer p.Release()
	p.Body[0] = b
	if err := d.Write(p); err != nil {
		t.Error(err)
	}
}

// receive has the capture read what peer sent.
func receive(t *testing.T, c *link.Capture, peer link.Device, b []byte) {
	t.Helper()
	send(t, peer, b)
	if _, _, err := c.Read(make([]byte, c.MaxRead()), true); err != nil {
		t.Error(err)
	}
}

// A recording holds what passed while it ran, in order, and says what it is of.
func TestRecording(t *testing.T) { synctest.Test(t, testRecording) }

func testRecording(t *testing.T) {
	c, peer := device(t)
	rec, err := Start(c, Options{Filter: Filter{Port: 53}, SnapLen: 30})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	time.Sleep(time.Nanosecond)
	send(t, c, udpPacket(t, 53, 1))
	time.Sleep(time.Nanosecond)
	receive(t, c, peer, udpPacket(t, 2, 53))
	send(t, c, udpPacket(t, 3, 54))
	rec.Stop()
	send(t, c, udpPacket(t, 53, 4))
	var b bytes.Buffer
	if err := rec.Write(&b); err != nil {
		t.Fatal(err)
	}
	var stats pcapgo.NgInterfaceStatistics
	r, err := pcapgo.NewNgReader(&b, pcapgo.NgReaderOptions{
		StatisticsCallback: func(_ int, s pcapgo.NgInterfaceStatistics) { stats = s },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]byte{udpPacket(t, 53, 1), udpPacket(t, 2, 53)} {
		data, ci, err := r.ReadPacketData()
		if err != nil || !bytes.Equal(data, want[:30]) || ci.Length != len(want) || ci.Timestamp.Sub(began) != time.Duration(i+1) {
			t.Errorf("packet %d: %x, %+v, %v", i, data, ci, err)
		}
	}
	if _, _, err := r.ReadPacketData(); err != io.EOF {
		t.Errorf("then %v", err)
	}
	if ifc, _ := r.Interface(0); ifc.Name != "pipea" || ifc.Description != "the stack's end of pipea, MTU 1500" || ifc.Filter != "port 53" || ifc.SnapLength != 30 {
		t.Errorf("interface %+v", ifc)
	}
	if stats.PacketsReceived != 3 || stats.PacketsDropped != 0 || !stats.StartTime.Equal(began) {
		t.Errorf("statistics %+v", stats)
	}
}

// While somebody listens, a packet's comment says why it was sent, or came.
func TestRecordingComments(t *testing.T) { synctest.Test(t, testRecordingComments) }

func testRecordingComments(t *testing.T) {
	c, peer := device(t)
	tr := trace.New()
	node := tr.Node("a")
	c.Trace(node)
	rec, err := Start(c, Options{Why: true, Trace: tr})
	if err != nil {
		t.Fatal(err)
	}
	p := packet.NewOut()
	defer p.Release()
	p.Body[0] = udpPacket(t, 53, 1)
	p.Mark = trace.Mark{ID: 1000, Cause: 999, Rule: "fast retransmit: third duplicate ACK, RFC 5681 3.2"}
	if err := c.Write(p); err != nil {
		t.Fatal(err)
	}
	receive(t, c, peer, udpPacket(t, 1, 53))
	rec.Stop()
	var b bytes.Buffer
	if err := rec.Write(&b); err != nil {
		t.Fatal(err)
	}
	if node.On() {
		t.Error("it still listens")
	}
	for _, want := range []string{
		"event 1000, because of event 999: fast retransmit: third duplicate ACK, RFC 5681 3.2", "event 1",
	} {
		option := append([]byte{1, 0, byte(len(want)), 0}, want...) // opt_comment
		if !bytes.Contains(b.Bytes(), option) {
			t.Errorf("no comment %q", want)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

// A disk that is full ends the recording, and nothing else.
func TestRecordingWriteFails(t *testing.T) {
	t.Parallel()
	c, _ := device(t)
	rec, err := Start(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := rec.Write(full{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Write: %v", err)
	}
	send(t, c, udpPacket(t, 1, 2))
	if s := rec.Stats(); s.Seen != 0 {
		t.Errorf("after the failure it saw %d packets", s.Seen)
	}
}

func get(t *testing.T, method, url string, body io.Reader) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// Packets can be read as soon as they have passed, and the answer ends with the count.
func TestHandlerIsLive(t *testing.T) {
	t.Parallel()
	c, peer := device(t)
	srv := httptest.NewServer(Handler(c, nil))
	defer srv.Close()
	resp := get(t, http.MethodGet, srv.URL+"?"+Options{Count: 3, SnapLen: 20, Filter: Filter{Port: 7}}.Query().Encode(), nil)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/x-pcapng" {
		t.Fatalf("%s, %v", resp.Status, resp.Header)
	}
	r, err := pcapgo.NewNgReader(resp.Body, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		receive(t, c, peer, udpPacket(t, 8, 9)) // filtered out
		receive(t, c, peer, udpPacket(t, 7, uint16(i)))
		if data, ci, err := r.ReadPacketData(); err != nil || len(data) != 20 || ci.Length != 32 {
			t.Fatalf("packet %d: %x, %+v, %v", i, data, ci, err)
		}
	}
	if _, _, err := r.ReadPacketData(); err != io.EOF {
		t.Errorf("then %v", err)
	}
	if p, m := resp.Trailer.Get(TrailerPackets), resp.Trailer.Get(TrailerMissed); p != "3" || m != "0" {
		t.Errorf("trailers %v", resp.Trailer)
	}
}

// When the request's body ends, so does the capture, in good order.
func TestHandlerStops(t *testing.T) {
	t.Parallel()
	c, peer := device(t)
	srv := httptest.NewServer(Handler(c, nil))
	defer srv.Close()
	hold, stop := io.Pipe()
	resp := get(t, http.MethodPost, srv.URL, hold)
	receive(t, c, peer, udpPacket(t, 7, 8))
	stop.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewNgReader(bytes.NewReader(b), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.ReadPacketData(); err != nil {
		t.Error(err)
	}
	if resp.Trailer.Get(TrailerPackets) != "1" {
		t.Errorf("trailers %v", resp.Trailer)
	}
}

// The end of the device ends the answer in good order too.
func TestHandlerOfClosedDevice(t *testing.T) {
	t.Parallel()
	c, _ := device(t)
	srv := httptest.NewServer(Handler(c, nil))
	defer srv.Close()
	resp := get(t, http.MethodGet, srv.URL, nil)
	c.Close()
	if _, err := io.ReadAll(resp.Body); err != nil || resp.Trailer.Get(TrailerPackets) != "0" {
		t.Errorf("%v, trailers %v", err, resp.Trailer)
	}
	if resp := get(t, http.MethodGet, srv.URL, nil); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("afterwards: %s", resp.Status)
	}
}

// A client that goes away takes its tap with it.
func TestHandlerClientGone(t *testing.T) {
	t.Parallel()
	c, _ := device(t)
	ended := make(chan struct{})
	h := Handler(c, nil)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		close(ended)
	}))
	defer srv.Close()
	resp := get(t, http.MethodGet, srv.URL, nil)
	resp.Body.Close()
	<-ended
}

func TestHandlerRefuses(t *testing.T) {
	t.Parallel()
	c, _ := device(t)
	for _, tt := range []struct {
		method, query string
		status        int
		says          string
	}{
		{"PUT", "", 405, ""},
		{"GET", "snaplen=x", 400, "snaplen=x"},
		{"GET", "snaplen=-1", 400, "out of range"},
		{"GET", "snaplen=9999999", 400, "out of range"},
		{"GET", "queue=1", 400, "out of range"},
		{"GET", "count=-1", 400, "count=-1"},
		{"GET", "host=x", 400, `"x" is not an address`},
		{"GET", "port=0", 400, `"0" is not a number`},
		{"GET", "why=perhaps", 400, "why=perhaps"},
		{"GET", "colour=red", 400, "colour=red"},
	} {
		w := httptest.NewRecorder()
		Handler(c, nil).ServeHTTP(w, httptest.NewRequest(tt.method, "/?"+tt.query, nil))
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %q: %d, %q", tt.method, tt.query, w.Code, w.Body)
		}
	}
}

func TestOptionsQuery(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {SnapLen: 1, Count: 2, Queue: 1 << 20, Why: true, Filter: Filter{netip.MustParseAddr("fe80::1%a"), 4}}} {
		if got, err := parseQuery(o.Query()); err != nil || got != o {
			t.Errorf("%+v becomes %+v, %v", o, got, err)
		}
	}
}
