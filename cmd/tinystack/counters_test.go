package main

import (
	"slices"
	"testing"

	"github.com/tinystack/tinystack/stack"
)

// knownCounters are all counters, and what else has a help text.
func knownCounters() []string {
	var keys []string
	for _, c := range slices.Concat(layerCounters(instanceStats{}), interfaceCounters(stack.InterfaceStats{})) {
		keys = append(keys, c.key())
	}
	return append(keys, "IfUp")
}

// No counter lacks a help text, and no text is left over.
func TestCounterHelp(t *testing.T) {
	t.Parallel()
	known := knownCounters()
	for _, key := range known {
		if counterHelp[key] == "" {
			t.Errorf("%s has no help text", key)
		}
	}
	for key := range counterHelp {
		if !slices.Contains(known, key) {
			t.Errorf("%s has a help text, but is no counter", key)
		}
	}
}

func TestStatsOf(t *testing.T) {
	t.Parallel()
	var s instanceStats
	s.TCP.InSegs, s.UDP.NoPorts = 7, 3
	s.Interfaces = []stack.InterfaceStats{{Name: "t0", Up: true, OutOctets: 9}}
	s.Interfaces[0].Queues = []stack.QueueStats{{OutOctets: 4}, {OutOctets: 5}}
	a := statsOf(s, "t0")
	if a.value("IfOutOctets", "t0/0") != 4 || a.value("IfOutOctets", "t0/1") != 5 {
		t.Errorf("queues %+v", a.Interfaces[0].Queues)
	}
	if a.Schema != 1 || a.Device != "t0" || a.Counters["TcpInSegs"] != 7 || a.Counters["UdpNoPorts"] != 3 {
		t.Errorf("%+v", a)
	}
	if n := len(layerCounters(s)); len(a.Counters) != n {
		t.Errorf("%d counters for %d: two have one name", len(a.Counters), n)
	}
	if len(a.Interfaces) != 1 || !a.Interfaces[0].Up || a.value("IfOutOctets", "t0") != 9 || a.value("IfOutOctets", "t1") != 0 {
		t.Errorf("interfaces %+v", a.Interfaces)
	}
}

// What a newer instance counts beyond what we know comes last.
func TestInOrder(t *testing.T) {
	t.Parallel()
	got := inOrder(map[string]uint64{"UdpNoPorts": 1, "Zebra": 1, "Ant": 1, "TcpInSegs": 1, "IpInReceives": 1})
	if want := []string{"IpInReceives", "TcpInSegs", "UdpNoPorts", "Ant", "Zebra"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
