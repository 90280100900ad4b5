package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tinystack/tinystack/stack"
)

// exposition is Prometheus' text format, read as its specification has it.
type exposition struct {
	kinds  map[string]string // of each metric
	values map[string]uint64 // by name and labels
}

var (
	helpLine   = regexp.MustCompile(`^# HELP ([a-z_][a-z0-9_]*) ([^\\]|\\\\|\\n)+$`)
	typeLine   = regexp.MustCompile(`^# TYPE ([a-z_][a-z0-9_]*) (counter|gauge)$`)
	sampleLine = regexp.MustCompile(`^([a-z_][a-z0-9_]*)(\{device="[^"\\]+"(?:,queue="[0-9]+")?\})? ([0-9]+)$`)
)

// readExposition fails the test at what breaks the format, or what promtool's
// linter objects to: a metric without help, or a counter without _total.
func readExposition(t *testing.T, text []byte) exposition {
	t.Helper()
	e := exposition{map[string]string{}, map[string]uint64{}}
	if !bytes.HasSuffix(text, []byte("\n")) {
		t.Error("the last line has no end")
	}
	help := ""
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		if m := helpLine.FindStringSubmatch(line); m != nil {
			help = m[1]
			continue
		}
		if m := typeLine.FindStringSubmatch(line); m != nil {
			if m[1] != help || e.kinds[help] != "" || strings.HasSuffix(help, "_total") != (m[2] == "counter") {
				t.Errorf("%q follows the help of %s", line, help)
			}
			e.kinds[help] = m[2]
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil || m[1] != help || e.kinds[help] == "" {
			t.Errorf("%q follows the help of %s", line, help)
			continue
		}
		if _, again := e.values[m[1]+m[2]]; again {
			t.Errorf("%q comes twice", m[1]+m[2])
		}
		v, err := strconv.ParseUint(m[3], 10, 64)
		if err != nil {
			t.Error(err)
		}
		e.values[m[1]+m[2]] = v
	}
	return e
}

// Every counter is there, under a name of its own, with its value.
func TestMetrics(t *testing.T) {
	t.Parallel()
	var s instanceStats
	s.TCP.InSegs, s.TCP.CurrEstab, s.IP.OutFragOKs, s.TCP.InPAWS = 1<<63, 2, 3, 4
	s.Interfaces = []stack.InterfaceStats{{Name: "lo", InPackets: 5}, {Name: "t0", Up: true, OutErrors: 6}}
	e := readExposition(t, metrics(s))
	for name, want := range map[string]uint64{
		"tinystack_tcp_in_segs_total":                 1 << 63,
		"tinystack_tcp_curr_estab":                    2,
		"tinystack_ip_out_frag_oks_total":             3,
		"tinystack_tcp_in_paws_total":                 4,
		`tinystack_if_in_packets_total{device="lo"}`:  5,
		`tinystack_if_out_errors_total{device="t0"}`:  6,
		`tinystack_if_up{device="lo"}`:                0,
		`tinystack_if_up{device="t0"}`:                1,
		"tinystack_tcp_rto_timeouts_total":            0,
		"tinystack_icmp_no_error_for_broadcast_total": 0,
		"tinystack_udp_rcvbuf_errors_total":           0,
		"tinystack_ip_drop_reasm_ecn_total":           0,
		"tinystack_tcp_dsack_sent_total":              0,
		"tinystack_ip_drop_ttl_total":                 0,
		"tinystack_tcp_keep_alive_probes_total":       0,
		"tinystack_icmp_in_dest_unreachs_total":       0,
	} {
		if got, ok := e.values[name]; !ok || got != want {
			t.Errorf("%s is %d, %v; want %d", name, got, ok, want)
		}
	}
	perInterface := len(interfaceCounters(stack.InterfaceStats{})) + 1
	if want := len(layerCounters(s)) + 2*perInterface; len(e.values) != want {
		t.Errorf("%d values, want %d", len(e.values), want)
	}
	if e.kinds["tinystack_tcp_curr_estab"] != "gauge" || e.kinds["tinystack_tcp_in_segs_total"] != "counter" {
		t.Errorf("kinds %v", e.kinds)
	}
}

// Of a device with several queues each one's part is there, too.
func TestMetricsOfQueues(t *testing.T) {
	t.Parallel()
	var s instanceStats
	s.Interfaces = []stack.InterfaceStats{
		{Name: "lo"},
		{Name: "t0", InPackets: 3, Queues: []stack.QueueStats{{InPackets: 1, OutOctets: 7}, {InPackets: 2}}},
	}
	e := readExposition(t, metrics(s))
	for name, want := range map[string]uint64{
		`tinystack_if_in_packets_total{device="t0"}`:                  3,
		`tinystack_if_queue_in_packets_total{device="t0",queue="0"}`:  1,
		`tinystack_if_queue_in_packets_total{device="t0",queue="1"}`:  2,
		`tinystack_if_queue_out_octets_total{device="t0",queue="0"}`:  7,
		`tinystack_if_queue_out_packets_total{device="t0",queue="1"}`: 0,
	} {
		if got, ok := e.values[name]; !ok || got != want {
			t.Errorf("%s is %d, %v; want %d", name, got, ok, want)
		}
	}
}

func TestMetricsHandler(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	metricsHandler(func() (s instanceStats) { s.UDP.NoPorts = 7; return s }).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if got, want := w.Header().Get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8"; got != want {
		t.Errorf("Content-Type %q, want %q", got, want)
	}
	if want := fmt.Sprintf("tinystack_udp_no_ports_total %d\n", 7); !strings.Contains(w.Body.String(), want) {
		t.Errorf("no %q in\n%s", want, w.Body)
	}
}
