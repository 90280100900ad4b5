package e2e

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/tcp"
	"github.com/tinystack/tinystack/udp"
)

// mappedField is a field of ours, what tshark calls it, and how we and gopacket read
// it, as a decimal number where it is one.
type mappedField struct {
	ours   string // Type.Field; "" if only the peers have a name for it
	tshark string
	view   func(tshark string) string // nil: as it is
	get    func(p *decoded) any
	peer   func(g *peerDecoded) any
}

var ipFields = []mappedField{
	{"", "ip.version", nil, func(*decoded) any { return 4 }, func(g *peerDecoded) any { return g.ip.Version }},
	{"ipv4.Header.Options", "ip.hdr_len", nil, func(p *decoded) any { return p.ip.Len() }, func(g *peerDecoded) any { return int(g.ip.IHL) * 4 }},
	{"ipv4.Header.TOS", "ip.dsfield", nil, func(p *decoded) any { return p.ip.TOS }, func(g *peerDecoded) any { return g.ip.TOS }},
	{"ipv4.Header.TotalLen", "ip.len", nil, func(p *decoded) any { return p.ip.TotalLen }, func(g *peerDecoded) any { return g.ip.Length }},
	{"ipv4.Header.ID", "ip.id", nil, func(p *decoded) any { return p.ip.ID }, func(g *peerDecoded) any { return g.ip.Id }},
	{"ipv4.Header.DF", "ip.flags.df", nil, func(p *decoded) any { return bit(p.ip.DF) }, func(g *peerDecoded) any { return bit(g.ip.Flags&layers.IPv4DontFragment != 0) }},
	{"ipv4.Header.MF", "ip.flags.mf", nil, func(p *decoded) any { return bit(p.ip.MF) }, func(g *peerDecoded) any { return bit(g.ip.Flags&layers.IPv4MoreFragments != 0) }},
	{"ipv4.Header.Offset", "ip.frag_offset", nil, func(p *decoded) any { return p.ip.Offset / 8 }, func(g *peerDecoded) any { return g.ip.FragOffset }},
	{"ipv4.Header.TTL", "ip.ttl", nil, func(p *decoded) any { return p.ip.TTL }, func(g *peerDecoded) any { return g.ip.TTL }},
	{"ipv4.Header.Protocol", "ip.proto", nil, func(p *decoded) any { return p.ip.Protocol }, func(g *peerDecoded) any { return uint8(g.ip.Protocol) }},
	{"ipv4.Header.Src", "ip.src", nil, func(p *decoded) any { return p.ip.Src }, func(g *peerDecoded) any { return g.ip.SrcIP }},
	{"ipv4.Header.Dst", "ip.dst", nil, func(p *decoded) any { return p.ip.Dst }, func(g *peerDecoded) any { return g.ip.DstIP }},
}

var icmpFields = []mappedField{
	{"", "icmp.type", nil, func(p *decoded) any { return p.icmp.typ }, func(g *peerDecoded) any { return g.icmp.TypeCode.Type() }},
	{"", "icmp.code", nil, func(p *decoded) any { return p.icmp.code }, func(g *peerDecoded) any { return g.icmp.TypeCode.Code() }},
	{"", "icmp.checksum", nil, func(p *decoded) any { return p.icmp.checksum }, func(g *peerDecoded) any { return g.icmp.Checksum }},
	{"", "icmp.ident", first, func(p *decoded) any { return ifEcho(p, p.icmp.ident) }, nil},
	{"", "icmp.seq", first, func(p *decoded) any { return ifEcho(p, p.icmp.number) }, nil},
}

var udpFields = []mappedField{
	{"udp.Header.SrcPort", "udp.srcport", nil, func(p *decoded) any { return p.udp.SrcPort }, func(g *peerDecoded) any { return uint16(g.udp.SrcPort) }},
	{"udp.Header.DstPort", "udp.dstport", nil, func(p *decoded) any { return p.udp.DstPort }, func(g *peerDecoded) any { return uint16(g.udp.DstPort) }},
	{"udp.Header.Length", "udp.length", nil, func(p *decoded) any { return p.udp.Length }, func(g *peerDecoded) any { return g.udp.Length }},
	{"udp.Header.Checksum", "udp.checksum", nil, func(p *decoded) any { return p.udp.Checksum }, func(g *peerDecoded) any { return g.udp.Checksum }},
}

var tcpFields = []mappedField{
	{"tcp.Header.SrcPort", "tcp.srcport", nil, func(p *decoded) any { return p.tcp.SrcPort }, func(g *peerDecoded) any { return uint16(g.tcp.SrcPort) }},
	{"tcp.Header.DstPort", "tcp.dstport", nil, func(p *decoded) any { return p.tcp.DstPort }, func(g *peerDecoded) any { return uint16(g.tcp.DstPort) }},
	{"tcp.Header.Seq", "tcp.seq_raw", nil, func(p *decoded) any { return uint32(p.tcp.Seq) }, func(g *peerDecoded) any { return g.tcp.Seq }},
	{"tcp.Header.Ack", "tcp.ack_raw", nil, func(p *decoded) any { return uint32(p.tcp.Ack) }, func(g *peerDecoded) any { return g.tcp.Ack }},
	{"tcp.Header.Flags", "tcp.flags", nil, func(p *decoded) any { return uint8(p.tcp.Flags) }, func(g *peerDecoded) any { return peerFlags(g.tcp) }},
	{"tcp.Header.Window", "tcp.window_size_value", nil, func(p *decoded) any { return p.tcp.Window }, func(g *peerDecoded) any { return g.tcp.Window }},
	{"tcp.Header.Checksum", "tcp.checksum", nil, func(p *decoded) any { return p.tcp.Checksum }, func(g *peerDecoded) any { return g.tcp.Checksum }},
	{"tcp.Header.Urgent", "tcp.urgent_pointer", nil, func(p *decoded) any { return p.tcp.Urgent }, func(g *peerDecoded) any { return g.tcp.Urgent }},
	{"tcp.Header.Options", "tcp.hdr_len", nil, func(p *decoded) any { return p.tcp.Len() }, func(g *peerDecoded) any { return int(g.tcp.DataOffset) * 4 }},
	{"tcp.Options.MSS", "tcp.options.mss_val", nil, func(p *decoded) any { return present(p.tcp.Options.MSS != 0, p.tcp.Options.MSS) }, peerOption(layers.TCPOptionKindMSS, 0, 2)},
	{"tcp.Options.WindowScale", "tcp.options.wscale.shift", nil, func(p *decoded) any { return present(p.tcp.Options.HasWindowScale, p.tcp.Options.WindowScale) }, peerOption(layers.TCPOptionKindWindowScale, 0, 1)},
	{"tcp.Options.HasWindowScale", "tcp.option_kind", hasKind(3), func(p *decoded) any { return p.tcp.Options.HasWindowScale }, peerHas(layers.TCPOptionKindWindowScale)},
	{"tcp.Options.SACKPermitted", "tcp.option_kind", hasKind(4), func(p *decoded) any { return p.tcp.Options.SACKPermitted }, peerHas(layers.TCPOptionKindSACKPermitted)},
	{"tcp.Options.HasTimestamps", "tcp.option_kind", hasKind(8), func(p *decoded) any { return p.tcp.Options.HasTimestamps }, peerHas(layers.TCPOptionKindTimestamps)},
	{"tcp.Options.TSVal", "tcp.options.timestamp.tsval", nil, func(p *decoded) any { return present(p.tcp.Options.HasTimestamps, p.tcp.Options.TSVal) }, peerOption(layers.TCPOptionKindTimestamps, 0, 4)},
	{"tcp.Options.TSEcr", "tcp.options.timestamp.tsecr", nil, func(p *decoded) any { return present(p.tcp.Options.HasTimestamps, p.tcp.Options.TSEcr) }, peerOption(layers.TCPOptionKindTimestamps, 4, 8)},
	{"tcp.Options.NumSACK", "tcp.option_kind", hasKind(5), func(p *decoded) any { return p.tcp.Options.NumSACK > 0 }, peerHas(layers.TCPOptionKindSACK)},
	{"tcp.Options.SACK", "tcp.options.sack_le", nil, func(p *decoded) any { return edges(p.tcp, false) }, peerEdges(0)},
	{"tcp.Options.SACK", "tcp.options.sack_re", nil, func(p *decoded) any { return edges(p.tcp, true) }, peerEdges(4)},
	{"tcp.Options.Malformed", "tcp.option.len.invalid", func(v string) string { return fmt.Sprint(v != "") }, func(p *decoded) any { return p.tcp.Options.Malformed }, nil},
}

// leftOut are the names that tshark has for what is not in our headers, and why, as
// patterns. A name that is neither here nor mapped fails the comparison.
var leftOut = map[string]string{
	`ip\.(addr|host|src_host|dst_host)|(tcp|udp)\.port`:        "a mapped field under another name",
	`ip\.flags(\.rb)?|ip\.dsfield\.(dscp|ecn)|tcp\.flags\.\w+`: "parts of a mapped field, or what it is part of; the reserved bit, of no meaning",
	`(ip|tcp|udp|icmp)\.checksum(\.status|_calculated)`:        "asserted to be good",
	`tcp\.checksum\.ffff`: "tshark's remark on a sum that Linux writes so where it completes it in software",
	`ip\.checksum`:        "checked by Parse, which keeps no copy",
	`ip\.(fragments?|fragment\.count|reassembled.*)`:                                                             "tshark's reassembly",
	`tcp\.option_len|tcp\.options(\.(nop|sack|timestamp|mss|wscale|sack_perm))?|tcp\.nop`:                        "the form of an option whose value is mapped",
	`tcp\.options\.(wscale\.multiplier|sack\.count|sack\.dsack\w*)`:                                              "computed from a mapped option",
	`tcp\.(len|seq|ack|nxtseq|window_size|window_size_scalefactor)`:                                              "computed from mapped fields",
	`tcp\.(stream|completeness|time_\w+|analysis.*|connection\..*|segment_data|segments?|reassembled.*|pdu\..*)`: "tshark's view of the stream, looked at by itself",
	`udp\.(stream|time_\w+|possible_traceroute)`:                                                                 "tshark's view of the stream",
	`(tcp|udp)\.payload`:      "not a header's",
	`icmp\.(ident_le|seq_le)`: "a mapped field, read the other way round",
	`icmp\.(resp_to|resp_in|resptime|data_time\w*|resp_not_found|no_resp)`: "tshark's view of the exchange, and of ping's payload",
	`icmp\.(unused|length|length\.original_datagram)`:                      "bytes of an error that are zero, RFC 4884's length among them",
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// present returns v, or nothing.
func present(ok bool, v any) any {
	if !ok {
		return ""
	}
	return v
}

func ifEcho(p *decoded, v uint16) any { return present(p.icmp.echo(), v) }

// first is the first of several values.
func first(v string) string { return strings.Split(v, ",")[0] }

func hasKind(kind int) func(string) string {
	return func(v string) string { return fmt.Sprint(slices.Contains(strings.Split(v, ","), fmt.Sprint(kind))) }
}

func edges(h *tcp.Header, right bool) any {
	var list []string
	for _, b := range h.Options.SACK[:h.Options.NumSACK] {
		edge := b.Left
		if right {
			edge = b.Right
		}
		list = append(list, fmt.Sprint(uint32(edge)))
	}
	return strings.Join(list, ",")
}

func peerFlags(h *layers.TCP) (f tcp.Flags) {
	for _, b := range []struct {
		set  bool
		flag tcp.Flags
	}{{h.FIN, tcp.FIN}, {h.SYN, tcp.SYN}, {h.RST, tcp.RST}, {h.PSH, tcp.PSH}, {h.ACK, tcp.ACK}, {h.URG, tcp.URG}, {h.ECE, tcp.ECE}, {h.CWR, tcp.CWR}} {
		if b.set {
			f |= b.flag
		}
	}
	return f
}

// peerOption reads bytes of an option, as a number.
func peerOption(kind layers.TCPOptionKind, from, to int) func(*peerDecoded) any {
	return func(g *peerDecoded) any {
		data, ok := g.option(kind)
		n := uint64(0)
		for i := from; ok && i < to; i++ {
			n = n<<8 | uint64(data[i])
		}
		return present(ok, n)
	}
}

func peerHas(kind layers.TCPOptionKind) func(*peerDecoded) any {
	return func(g *peerDecoded) any {
		_, ok := g.option(kind)
		return ok
	}
}

func peerEdges(offset int) func(*peerDecoded) any {
	return func(g *peerDecoded) any {
		data, _ := g.option(layers.TCPOptionKindSACK)
		var list []string
		for ; len(data) >= 8; data = data[8:] {
			list = append(list, fmt.Sprint(binary.BigEndian.Uint32(data[offset:])))
		}
		return strings.Join(list, ",")
	}
}

// text is a value as it is compared.
func text(v any) string {
	if f, ok := v.(tcp.Flags); ok {
		v = uint8(f)
	}
	return fmt.Sprint(v)
}

// Every field of our headers is in the map.
func TestFieldMapIsWhole(t *testing.T) {
	t.Parallel()
	mapped := make(map[string]bool)
	for _, f := range slices.Concat(ipFields, icmpFields, udpFields, tcpFields) {
		mapped[f.ours] = true
	}
	for _, h := range []any{ipv4.Header{}, tcp.Header{}, tcp.Options{}, udp.Header{}} {
		typ := reflect.TypeOf(h)
		for i := range typ.NumField() {
			if name := typ.String() + "." + typ.Field(i).Name; !mapped[name] {
				t.Errorf("%s is not mapped to a field of tshark's", name)
			}
		}
	}
}

// wantNoNewFields fails for each name that tshark uses in the capture which is
// neither mapped nor left out.
func wantNoNewFields(t *testing.T, file string) {
	t.Helper()
	known := make(map[string]bool)
	for _, f := range slices.Concat(ipFields, icmpFields, udpFields, tcpFields) {
		known[f.tshark] = true
	}
	var patterns []string
	for p := range leftOut {
		patterns = append(patterns, p)
	}
	left := regexp.MustCompile(`^(` + strings.Join(patterns, "|") + `)$`)
	args := append([]string{"-T", "json", "-J", "ip tcp udp icmp", "-Y", "frame.len < 2000"}, strict...)
	names := regexp.MustCompile(`"((?:ip|tcp|udp|icmp)\.[\w.]+)":`)
	for _, m := range names.FindAllSubmatch(tshark(t, file, args...), -1) {
		name := strings.TrimSuffix(string(m[1]), "_tree")
		if !known[name] && !left.MatchString(name) {
			known[name] = true
			t.Errorf("tshark has a field %s, which is neither mapped nor left out for a reason", name)
		}
	}
}
