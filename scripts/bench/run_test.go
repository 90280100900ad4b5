package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The driver starts itself anew for a server and for a client: so does its test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		main()
		return
	}
	os.Exit(m.Run())
}

// A whole run, as short as can be, measures each peer.
func TestRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes network namespaces and TUN devices")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("needs a TUN device for the servers: %v", err)
	}
	samples := filepath.Join(t.TempDir(), "samples.json")
	var out bytes.Buffer
	args := []string{"-json", samples, "-quick", "-rounds", "1", "-time", "100ms", "-measures", "^(down1|up1|echo1|connect)$"}
	if err := run(t.Context(), args, nil, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "measure") {
		t.Errorf("printed %q", out.String())
	}
	got := readSamples(t, samples)
	for _, p := range peers {
		for _, key := range []string{"down1", "up1", "echo1", "echo1-p99", "connect"} {
			if len(got[p.name][key]) != 1 {
				t.Errorf("%s has no %s", p.name, key)
			}
		}
	}
	for _, key := range []string{"down1", "down1-cpu", "down1-cpu-all", "up1", "echo1", "echo1-p50", "connect"} {
		if v := got["tinystack"][key]; len(v) != 1 || v[0] <= 0 {
			t.Errorf("%s of tinystack: %v", key, v)
		}
	}
}

// An interrupted run ends soon, and with an error.
func TestInterrupted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes network namespaces")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, []string{"-peers", "kernel"}, nil, &bytes.Buffer{}); err == nil {
		t.Error("no error")
	}
}
