package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tinystack/tinystack/tcp"
)

// stateFilters are the names that ss gives to states, and to groups of them.
var stateFilters = func() map[string][]string {
	all := []string{
		"UNCONN", "LISTEN", "SYN-SENT", "SYN-RECV", "ESTAB", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
		"CLOSING", "LAST-ACK", "TIME-WAIT",
	}
	m := map[string][]string{
		"established":  {"ESTAB"},
		"closed":       {"UNCONN"},
		"listening":    {"LISTEN", "UNCONN"},
		"all":          all,
		"connected":    all[2:],
		"synchronized": all[3:],
		"bucket":       {"SYN-RECV", "TIME-WAIT"},
		"big":          without(all, []string{"SYN-RECV", "TIME-WAIT"}),
	}
	for _, s := range all {
		m[strings.ToLower(s)] = []string{s}
	}
	return m
}()

// defaultStates are shown when nothing is said of states.
var defaultStates = without(stateFilters["connected"], stateFilters["bucket"])

func without(list, drop []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(drop, s) })
}

// socketFilter says which sockets to show.
type socketFilter struct {
	protocols    []string
	states       []string
	sport, dport int // -1: any
}

func (f *socketFilter) matches(s *socket) bool {
	return slices.Contains(f.protocols, s.Protocol) && slices.Contains(f.states, s.State) &&
		(f.sport < 0 || int(s.Local.Port()) == f.sport) && (f.dport < 0 || int(s.Peer.Port()) == f.dport)
}

// filter is what flags and arguments say; its errors are usage errors.
func (f *ssFlags) filter(args []string) (want socketFilter, err error) {
	want = socketFilter{protocols: []string{"tcp"}, states: defaultStates, sport: -1, dport: -1}
	if f.udp {
		want.protocols = []string{"udp"}
		if f.tcp {
			want.protocols = []string{"tcp", "udp"}
		}
	}
	switch {
	case f.all:
		want.states = stateFilters["all"]
	case f.listening:
		want.states = []string{stateNames[tcp.Listen], stateUnconn}
	}
	var states, excluded []string
	for len(args) > 0 {
		name, value, rest := predicate(args)
		switch name {
		case "state":
			states, err = addStates(states, value)
		case "exclude":
			excluded, err = addStates(excluded, value)
		case "sport":
			want.sport, err = parsePort(value)
		case "dport":
			want.dport, err = parsePort(value)
		default:
			err = usagef("there is no filter %q: want state, exclude, sport or dport; see tinystack ss --help", name)
		}
		if err != nil {
			return want, err
		}
		args = rest
	}
	if states != nil {
		want.states = states
	} else if excluded != nil {
		want.states = stateFilters["all"]
	}
	want.states = without(want.states, excluded)
	return want, nil
}

// predicate takes a name and its value off the arguments, which may have an equals
// sign between them.
func predicate(args []string) (name, value string, rest []string) {
	name, rest = args[0], args[1:]
	if len(rest) > 0 && (rest[0] == "=" || rest[0] == "==" || rest[0] == "eq") {
		rest = rest[1:]
	}
	if len(rest) > 0 {
		value, rest = rest[0], rest[1:]
	}
	return name, value, rest
}

func addStates(states []string, name string) ([]string, error) {
	more, ok := stateFilters[strings.ToLower(name)]
	if !ok {
		return nil, usagef("there is no state %q: want established, listening, time-wait, connected, all, ...; see man ss", name)
	}
	return append(states, more...), nil
}

func parsePort(s string) (int, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, ":"), 10, 16)
	if err != nil {
		return 0, usagef("%q is not a port: 0 to 65535", s)
	}
	return int(n), nil
}
