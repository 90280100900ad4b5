package link

import (
	"bytes"
	"net/netip"
	"os"
	"testing"

	"github.com/tinystack/tinystack/internal/nstest"
	"github.com/tinystack/tinystack/packet"
)

// The kernel splits a super-packet written to a device when it forwards it to one without offloads: CWR
// stays with the first segment, FIN and PSH with the last, the ECN field is on all (RFC 3168 6.1.2).
func TestTUNSplitsCWR(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	in, out := openTUN(t, TUNConfig{}), openTUN(t, TUNConfig{NoOffload: true})
	if !in.Features().Has(packet.TxChecksum | packet.TSO) {
		t.Skip("it is the kernel that splits here, and this one gives a TUN device no offloads")
	}
	nstest.Up(t, in.Name(), hostNet)
	nstest.Up(t, out.Name(), netip.MustParsePrefix("198.19.0.1/24"))
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	const (
		fin, psh, ack, cwr = 0x01, 0x08, 0x10, 0x80
		ect0               = 2
	)
	beyond := netip.MustParseAddrPort("198.19.0.2:7")
	payload := pattern(3000)
	sent := super(segment{src: stackAddr, dst: beyond, protocol: protoTCP, flags: fin | psh | ack | cwr, payload: payload}.out(true), packet.GSOTCP, 1000)
	write(t, in, withTOS(sent, ect0))
	for i, flags := range []byte{ack | cwr, ack, fin | psh | ack} {
		s, _, b := expect(t, out, protoTCP, beyond.Port())
		if s.flags != flags || b[1] != ect0 || !bytes.Equal(s.payload, payload[1000*i:1000*(i+1)]) {
			t.Errorf("segment %d has flags %#x, want %#x; TOS %#x; %d bytes", i+1, s.flags, flags, b[1], len(s.payload))
		}
	}
}
