package main

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/tinystack/tinystack/stack"
)

// metricsHandler serves the counters in Prometheus' text format
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
func metricsHandler(stats func() instanceStats) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write(metrics(stats())) // a lost connection is net/http's to notice
	})
}

// metrics writes each counter with its documentation.
func metrics(s instanceStats) []byte {
	var b bytes.Buffer
	for _, c := range layerCounters(s) {
		name := metricName(c)
		metricHead(&b, name, counterHelp[c.key()])
		fmt.Fprintf(&b, "%s %d\n", name, c.value)
	}
	for at, c := range interfaceCounters(stack.InterfaceStats{}) {
		name := metricName(c)
		metricHead(&b, name, counterHelp[c.key()])
		for _, i := range s.Interfaces {
			fmt.Fprintf(&b, "%s{device=%q} %d\n", name, i.Name, interfaceCounters(i)[at].value)
		}
	}
	queueMetrics(&b, s.Interfaces)
	metricHead(&b, "tinystack_if_up", counterHelp["IfUp"])
	for _, i := range s.Interfaces {
		up := 0
		if i.Up {
			up = 1
		}
		fmt.Fprintf(&b, "tinystack_if_up{device=%q} %d\n", i.Name, up)
	}
	return b.Bytes()
}

// queueMetrics writes what each queue has of the counters of a device with several.
func queueMetrics(b *bytes.Buffer, interfaces []stack.InterfaceStats) {
	if !slices.ContainsFunc(interfaces, func(i stack.InterfaceStats) bool { return i.Queues != nil }) {
		return
	}
	for at, c := range queueCounters(stack.QueueStats{}) {
		name := metricName(c)
		metricHead(b, name, counterHelp["If"+c.name]+"; of one of its queues")
		for _, i := range interfaces {
			for n, q := range i.Queues {
				fmt.Fprintf(b, "%s{device=%q,queue=\"%d\"} %d\n", name, i.Name, n, queueCounters(q)[at].value)
			}
		}
	}
}

// metricHead writes the lines before a metric's values.
func metricHead(b *bytes.Buffer, name, help string) {
	kind := "gauge"
	if strings.HasSuffix(name, "_total") {
		kind = "counter"
	}
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", name, strings.ReplaceAll(help, `\`, `\\`), name, kind)
}

// metricName is the counter's name: TcpInSegs is tinystack_tcp_in_segs_total.
func metricName(c counter) string {
	name := "tinystack_" + snake(c.layer) + "_" + snake(c.name)
	if isGauge(c.key()) {
		return name
	}
	return name + "_total"
}

// snake is a Go name in lower case with underscores: OutFragOKs is out_frag_oks,
// RTOTimeouts is rto_timeouts.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) && beginsWord(name, i) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// beginsWord reports whether the capital at i > 0 begins a word: it follows a
// lower-case letter, or is the last of several capitals and the first of a word
// of two letters more.
func beginsWord(name string, i int) bool {
	lower := func(i int) bool { return i < len(name) && unicode.IsLower(rune(name[i])) }
	return lower(i-1) || (lower(i+1) && lower(i+2))
}
