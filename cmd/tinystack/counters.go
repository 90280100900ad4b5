package main

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/tinystack/tinystack/internal/control"
	"github.com/tinystack/tinystack/stack"
)

// statsAnswer is what "stats --json" prints. Names are those of Linux's nstat where
// it has the counter: a layer and a name of RFC 4293, 2011, 4022 or 4113.
type statsAnswer struct {
	Schema     int               `json:"schema"`
	Device     string            `json:"device"`
	Time       time.Time         `json:"time"`
	Counters   map[string]uint64 `json:"counters"`
	Interfaces []interfaceAnswer `json:"interfaces"` // loopback first
}

// interfaceAnswer is one interface of the stack.
type interfaceAnswer struct {
	Name     string            `json:"name"`
	Up       bool              `json:"up"`
	Counters map[string]uint64 `json:"counters"`
	// Queues has, of a device with several queues, each one's part of the counters.
	Queues []map[string]uint64 `json:"queues,omitempty"`
}

// instanceStats are the counters of the stack and of what runs on it.
type instanceStats struct {
	stack.Stats
	names nameServerStats
}

func (n *network) stats() instanceStats { return instanceStats{n.stack.Stats(), n.names.stats()} }

// statsOf is the answer of the instance on dev.
func statsOf(s instanceStats, dev string) statsAnswer {
	a := statsAnswer{Schema: control.Schema, Device: dev, Time: time.Now(), Counters: map[string]uint64{}}
	for _, c := range layerCounters(s) {
		a.Counters[c.key()] = c.value
	}
	for _, i := range s.Interfaces {
		answer := interfaceAnswer{Name: i.Name, Up: i.Up, Counters: byKey(interfaceCounters(i))}
		for _, q := range i.Queues {
			answer.Queues = append(answer.Queues, byKey(fields("If", q)))
		}
		a.Interfaces = append(a.Interfaces, answer)
	}
	return a
}

func byKey(counters []counter) map[string]uint64 {
	all := map[string]uint64{}
	for _, c := range counters {
		all[c.key()] = c.value
	}
	return all
}

// counter is one of an instance's counters.
type counter struct {
	layer string // "Ip", "Icmp", "Tcp", "Udp", "Dns..." of the name server, or "If" for one of an interface
	name  string
	value uint64
}

func (c counter) key() string { return c.layer + c.name }

// isGauge tells a number that may go down from a counter.
func isGauge(key string) bool {
	return key == "TcpCurrEstab" || key == "TcpCurrMemory" || key == "DnsCacheEntries" || key == "DnsCacheBytes"
}

// layerCounters are all counters but the interfaces', in the order of the structs
// they come from.
func layerCounters(s instanceStats) []counter {
	return slices.Concat(fields("Ip", s.IP), fields("Icmp", s.ICMP), fields("Tcp", s.TCP), fields("Udp", s.UDP),
		fields("Dns", s.names.server), fields("DnsStub", s.names.stub), fields("DnsCache", s.names.cache),
		fields("DnsClient", s.names.client))
}

func interfaceCounters(i stack.InterfaceStats) []counter { return fields("If", i) }

func queueCounters(q stack.QueueStats) []counter { return fields("IfQueue", q) }

// fields are the fields of a struct that are counters.
func fields(layer string, stats any) (list []counter) {
	v := reflect.ValueOf(stats)
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Uint64:
			list = append(list, counter{layer, v.Type().Field(i).Name, f.Uint()})
		case reflect.Struct: // embedded
			list = append(list, fields(layer, f.Interface())...)
		}
	}
	return list
}

// inOrder are the keys of a set of counters: first those that this program
// knows, as they are documented, then what a newer instance has beyond them.
func inOrder(set map[string]uint64) []string {
	var keys []string
	for _, c := range slices.Concat(layerCounters(instanceStats{}), interfaceCounters(stack.InterfaceStats{})) {
		if _, ok := set[c.key()]; ok {
			keys = append(keys, c.key())
		}
	}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}
