package e2e

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/internal/pcapng"
	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/tcp"
	"github.com/tinystack/tinystack/udp"
)

// mutant is a packet that may be malformed.
type mutant struct {
	what string
	b    []byte
}

// linkTypeIPv4 has tshark take any packet for IPv4, whatever its version field says.
const linkTypeIPv4 = 228

// Of headers with a bit flipped, with and without the checksums mended, truncated and
// extended ones, we and tshark call the same malformed.
func TestMalformedAgreesWithTshark(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("needs tshark")
	}
	mutants := allMutants()
	file := filepath.Join(t.TempDir(), "mutants.pcapng")
	writeMutants(t, file, mutants)
	rows := dissect(t, file, append([]string{"_ws.malformed", "_ws.short", "tcp.option.len.invalid", "tcp.option_kind"}, verdicts...))
	if len(rows) != len(mutants) {
		t.Fatalf("tshark reads %d packets of %d", len(rows), len(mutants))
	}
	wrong := 0
	for i, m := range mutants {
		ours, ok := ourVerdict(m.b)
		if !ok {
			continue
		}
		theirs := tsharkVerdict(rows[i])
		if ours != "" {
			wrong++
		}
		if (ours == "") != (theirs == "") && !(ours == "" && skipped(theirs, rows[i])) {
			t.Errorf("%s: we say %q, tshark %q: %x", m.what, ours, theirs, m.b)
		}
	}
	t.Logf("%d packets, %d of them malformed", len(mutants), wrong)
	if wrong == 0 || wrong == len(mutants) {
		t.Error("nothing was told apart")
	}
}

func writeMutants(t *testing.T, file string, mutants []mutant) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := pcapng.NewWriter(f, "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddInterface(pcapng.Interface{LinkType: linkTypeIPv4}); err != nil {
		t.Fatal(err)
	}
	for i, m := range mutants {
		p := pcapng.Packet{Time: time.Unix(int64(i), 0), Data: m.b, Len: len(m.b)}
		if err := w.WritePacket(&p); err != nil {
			t.Fatal(err)
		}
	}
}

// allMutants makes what is wrong from packets that are right.
func allMutants() (list []mutant) {
	for name, good := range goodPackets() {
		list = append(list, mutant{name, good})
		headers := int(good[0]&15)*4 + 8
		if good[9] == protocolTCP {
			headers = int(good[0]&15)*4 + int(good[int(good[0]&15)*4+12]>>4)*4
		}
		for bit := range headers * 8 {
			b := bytes.Clone(good)
			b[bit/8] ^= 0x80 >> (bit % 8)
			list = append(list, mutant{fmt.Sprintf("%s, bit %d of byte %d flipped", name, bit%8, bit/8), b})
			list = append(list, mutant{fmt.Sprintf("%s, bit %d of byte %d flipped, mended", name, bit%8, bit/8), mend(b)})
		}
		for n := 1; n < len(good); n++ {
			list = append(list, mutant{fmt.Sprintf("%s, cut to %d bytes", name, n), good[:n]})
		}
		for n := range 9 {
			list = append(list, mutant{fmt.Sprintf("%s, with %d bytes behind", name, n), append(bytes.Clone(good), make([]byte, n)...)})
		}
	}
	return list
}

// goodPackets are packets with all that a header can have.
func goodPackets() map[string][]byte {
	syn := tcp.Header{SrcPort: 40000, DstPort: 80, Seq: 1, Flags: tcp.SYN, Window: 1000}
	syn.Options = tcp.Options{MSS: 1460, HasWindowScale: true, WindowScale: 7, SACKPermitted: true, HasTimestamps: true, TSVal: 1}
	ack := tcp.Header{SrcPort: 40000, DstPort: 80, Seq: 2, Ack: 3, Flags: tcp.ACK, Window: 1000}
	ack.Options = tcp.Options{HasTimestamps: true, TSVal: 2, TSEcr: 3, NumSACK: 2, SACK: [4]tcp.Block{{Left: 10, Right: 20}, {Left: 30, Right: 40}}}
	data := []byte("some data")
	datagram := udp.Header{SrcPort: 40000, DstPort: 40001, Length: uint16(udp.HeaderLen + len(data))}
	router := ipv4.Header{Protocol: protocolUDP, Options: []byte{148, 4, 0, 0}}
	return map[string][]byte{
		"SYN":                   whole(ipv4.Header{Protocol: protocolTCP}, syn.AppendTo(nil)),
		"ACK with SACK blocks":  whole(ipv4.Header{Protocol: protocolTCP}, append(ack.AppendTo(nil), data...)),
		"UDP":                   whole(ipv4.Header{Protocol: protocolUDP}, append(datagram.AppendTo(nil), data...)),
		"UDP with router alert": whole(router, append(datagram.AppendTo(nil), data...)),
		"echo request":          whole(ipv4.Header{Protocol: protocolICMP}, append([]byte{8, 0, 0, 0, 0, 1, 0, 1}, data...)),
	}
}

// whole is the IP packet, its checksums right.
func whole(h ipv4.Header, payload []byte) []byte {
	h.TTL = 64
	h.Src, h.Dst = netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr(stackIP)
	h.TotalLen = h.Len() + len(payload)
	return mend(append(h.AppendTo(nil), payload...))
}

// mend makes the checksums right, as far as there is a place for them.
func mend(b []byte) []byte {
	b = bytes.Clone(b)
	hlen := int(b[0]&15) * 4
	if hlen < 20 || hlen > len(b) {
		return b
	}
	binary.BigEndian.PutUint16(b[10:], 0)
	binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b[:hlen]))
	h, payload, err := ipv4.Parse(b)
	offset := map[uint8]int{protocolTCP: 16, protocolUDP: 6, protocolICMP: 2}[h.Protocol]
	if err != nil || offset == 0 || len(payload) < offset+2 {
		return b
	}
	binary.BigEndian.PutUint16(payload[offset:], 0)
	if sum := transportSum(h, payload); h.Protocol != protocolUDP || sum != 0 {
		binary.BigEndian.PutUint16(payload[offset:], sum)
	}
	return b
}

// transportSum is the checksum of a payload, with its pseudo-header where it has one.
func transportSum(h ipv4.Header, payload []byte) uint16 {
	var s checksum.Sum
	if h.Protocol != protocolICMP {
		s.AddPseudo(h.Src, h.Dst, h.Protocol, len(payload))
	}
	s.Add(payload)
	return s.Checksum()
}

// ourVerdict is what is wrong with the packet, to us; "" if nothing is. ok is false
// if it is not ours to judge: of another protocol, or about a packet in an ICMP error.
func ourVerdict(b []byte) (says string, ok bool) {
	p, err := make(decoder).decode(b)
	switch {
	case errors.Is(err, errProtocol):
		return "", false
	case err != nil:
		return err.Error(), true
	case p.transport == nil:
		return "", true // a fragment
	case p.icmp != nil && !p.icmp.echo():
		return "", false
	case p.tcp != nil && p.tcp.Options.Malformed:
		return "malformed TCP option", true
	case p.udp != nil && p.udp.Checksum == 0:
		return "", true
	}
	sum := p.transport
	if p.udp != nil {
		sum = sum[:p.udp.Length]
	}
	if transportSum(p.ip, sum) != 0 {
		return "bad transport checksum", true
	}
	return "", true
}

// Groups of tshark's remarks.
const (
	groupMalformed = "117440512"
	groupProtocol  = "150994944"
)

// tsharkVerdict is what is wrong with the packet, to tshark.
func tsharkVerdict(r row) string {
	for _, protocol := range []string{"ip", "tcp", "udp", "icmp"} {
		if first(r[protocol+".checksum.status"]) == "0" {
			return "bad " + protocol + " checksum"
		}
	}
	messages := strings.Split(r["_ws.expert.message"], ",")
	for i, g := range strings.Split(r["_ws.expert.group"], ",") {
		if g := number(g); g == groupMalformed || g == groupProtocol && !legal.MatchString(messages[i]) {
			return messages[i]
		}
	}
	if r["tcp.option.len.invalid"] != "" {
		return oddLength
	}
	return ""
}

const oddLength = "an odd length of a TCP option"

// skipped reports whether tshark objects to an option that lies within the header and is
// not of the length that its kind has. We skip it, as Linux does; tshark reads
// SACK blocks beyond its end.
func skipped(theirs string, r row) bool {
	sack := hasKind(5)(r["tcp.option_kind"]) == "true"
	return theirs == oddLength || sack && (strings.HasPrefix(theirs, "suboption would go past") || strings.HasPrefix(theirs, "Malformed Packet"))
}

// legal are tshark's remarks about what is unusual, but has the form of a header, and
// which we take; and about the form of IP options, which Parse leaves to who uses them.
var legal = regexp.MustCompile(`^(` + strings.Join([]string{
	"The acknowledgment number field is nonzero while the ACK flag is not set", // ignored
	"The urgent pointer field is nonzero while the URG flag is not set",        // ignored
	"Non-zero header padding",                         // after the end of the options
	"The SYN packet does not contain a MSS option",    // the default holds
	"The non-SYN packet does contain a MSS option",    // ignored
	"Window scale shift exceeds 14",                   // 14 is taken (RFC 7323 2.3)
	"TCP SYN with TFO Cookie",                         // an option we don't know
	"TCP SYN-ACK accepting TFO data",                  // so tshark takes a SYN-ACK with data
	"option length should be .*",                      // skipped
	"(Router Alert|Unknown \\(0x08\\)) \\(.*option.*", // IP options
}, "|") + `)$`)
