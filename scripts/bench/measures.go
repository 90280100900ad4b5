package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// values are what a measure found, each by its row's key.
type values map[string]float64

// measurement is done once a round on each peer.
type measurement struct {
	name string
	run  func(context.Context, *running, plan) (values, error)
}

// row is a line of the report.
type row struct {
	key, title, unit string
	lowIsGood        bool
}

// rows are the report's lines, in order.
var rows = []row{
	{key: "down1", title: "down, 1 connection", unit: "Gbit/s"},
	{key: "down4", title: "down, 4 connections", unit: "Gbit/s"},
	{key: "up1", title: "up, 1 connection", unit: "Gbit/s"},
	{key: "up4", title: "up, 4 connections", unit: "Gbit/s"},
	{key: "echo1", title: "1-byte echoes, 1 connection", unit: "1/s"},
	{key: "echo1-p50", title: "  median", unit: "µs", lowIsGood: true},
	{key: "echo1-p99", title: "  99th percentile", unit: "µs", lowIsGood: true},
	{key: "echo16", title: "1-byte echoes, 16 connections", unit: "1/s"},
	{key: "echo16-p50", title: "  median", unit: "µs", lowIsGood: true},
	{key: "echo16-p99", title: "  99th percentile", unit: "µs", lowIsGood: true},
	{key: "connect", title: "connect, echo, close", unit: "1/s"},
	{key: "http1", title: "HTTP requests, 1 connection", unit: "1/s"},
	{key: "http16", title: "HTTP requests, 16 connections", unit: "1/s"},
	{key: "down1-cpu", title: "CPU of the server, down", unit: "s/GB", lowIsGood: true},
	{key: "down1-cpu-all", title: "CPU of both ends, down", unit: "s/GB", lowIsGood: true},
	{key: "up1-cpu", title: "CPU of the server, up", unit: "s/GB", lowIsGood: true},
	{key: "up1-cpu-all", title: "CPU of both ends, up", unit: "s/GB", lowIsGood: true},
	{key: "idle1000", title: "memory per idle connection, 1000", unit: "KiB", lowIsGood: true},
	{key: "idle10000", title: "memory per idle connection, 10000", unit: "KiB", lowIsGood: true},
}

// timed are the measurements of a round.
var timed = []measurement{
	{"down1", bulkMeasure("down1", "down", 1)},
	{"down4", bulkMeasure("down4", "down", 4)},
	{"up1", bulkMeasure("up1", "up", 1)},
	{"up4", bulkMeasure("up4", "up", 4)},
	{"echo1", echoMeasure("echo1", 1)},
	{"echo16", echoMeasure("echo16", 16)},
	{"connect", connectMeasure},
	{"http1", wrkMeasure("http1", 1)},
	{"http16", wrkMeasure("http16", 16)},
}

func bulkMeasure(key, kind string, conns int) func(context.Context, *running, plan) (values, error) {
	return func(ctx context.Context, r *running, p plan) (values, error) {
		s, err := r.measure(ctx, load{Kind: kind, Conns: conns, Warm: p.warm, Time: p.time})
		if err != nil {
			return nil, err
		}
		found := values{key: s.rate() * 8 / 1e9}
		if gigabytes := s.Count / 1e9; gigabytes > 0 { // a peer may be waiting for a timer all the time
			found[key+"-cpu"] = s.ServerCPU / gigabytes
			found[key+"-cpu-all"] = s.AllCPU / gigabytes
		}
		return found, nil
	}
}

func echoMeasure(key string, conns int) func(context.Context, *running, plan) (values, error) {
	return func(ctx context.Context, r *running, p plan) (values, error) {
		s, err := r.measure(ctx, load{Kind: "echo", Conns: conns, Warm: p.warm, Time: p.time})
		return values{key: s.rate(), key + "-p50": s.P50 * 1e6, key + "-p99": s.P99 * 1e6}, err
	}
}

func connectMeasure(ctx context.Context, r *running, p plan) (values, error) {
	s, err := r.measure(ctx, load{Kind: "connect", Conns: 1, Warm: p.warm, Time: p.time})
	return values{"connect": s.rate()}, err
}

// wrkMeasure asks for /hello by wrk, on one thread, which counts in whole seconds.
func wrkMeasure(key string, conns int) func(context.Context, *running, plan) (values, error) {
	return func(ctx context.Context, r *running, p plan) (values, error) {
		seconds := max(1, int(p.time.Round(time.Second)/time.Second))
		out, err := output(ctx, r.client, "wrk", "-t1", fmt.Sprintf("-c%d", conns), fmt.Sprintf("-d%ds", seconds),
			fmt.Sprintf("http://%s/hello", serverPrefix.Addr()))
		if err != nil {
			return nil, err
		}
		rate, err := parseWrk(out)
		return values{key: rate}, err
	}
}

var (
	wrkRate   = regexp.MustCompile(`(?m)^Requests/sec:\s+([0-9.]+)$`)
	wrkErrors = regexp.MustCompile(`(?m)^\s*(?:Socket errors|Non-2xx).*$`)
)

// parseWrk returns the requests a second of wrk's output, all of which must have
// been answered.
func parseWrk(out []byte) (float64, error) {
	if failed := wrkErrors.Find(out); failed != nil {
		return 0, fmt.Errorf("wrk: %s", failed)
	}
	m := wrkRate.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("wrk said no rate: %q", out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

// idleMeasure finds what an idle connection costs the server in resident memory,
// its goroutine that waits included. It needs a server that did nothing yet.
func idleMeasure(ctx context.Context, r *running) (values, error) {
	client, err := startProcess(ctx, r.client, "client", "idle")
	if err != nil {
		return nil, err
	}
	defer client.stop()
	before, err := r.proc.orderNumber("resident")
	if err != nil {
		return nil, err
	}
	found := values{}
	for _, n := range []int{1000, 10000} {
		if _, err := client.order(strconv.Itoa(n)); err != nil {
			return nil, err
		}
		time.Sleep(500 * time.Millisecond) // for the server to accept them all
		after, err := r.proc.orderNumber("resident")
		if err != nil {
			return nil, err
		}
		found[fmt.Sprintf("idle%d", n)] = float64(after-before) / float64(n) / 1024
	}
	return found, nil
}
