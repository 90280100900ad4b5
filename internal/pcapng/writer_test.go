package pcapng

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// at is a time whose nanoseconds no coarser unit can tell.
var at = time.Unix(1700000000, 123456789).UTC()

// icmpEcho is an echo request from 198.18.0.1 to 198.18.0.2, checksums right.
var icmpEcho = []byte{
	0x45, 0, 0, 29, 0, 0, 0x40, 0, 64, 1, 0xae, 0xbb, 198, 18, 0, 1, 198, 18, 0, 2,
	8, 0, 0x95, 0xfd, 0, 1, 0, 1, 'a',
}

func write(t *testing.T, w io.Writer, packets ...Packet) {
	t.Helper()
	n, err := NewWriter(w, "tinystack")
	if err != nil {
		t.Fatal(err)
	}
	id, err := n.AddInterface(Interface{
		Name: "tiny0", Description: "MTU 1500", Filter: "port 80", LinkType: LinkTypeRaw, SnapLen: 262144,
	})
	if err != nil || id != 0 {
		t.Fatalf("interface %d, %v", id, err)
	}
	for i := range packets {
		if err := n.WritePacket(&packets[i]); err != nil {
			t.Fatal(err)
		}
	}
	err = n.WriteStatistics(id, Statistics{Start: at, End: at.Add(time.Second), Received: 9, Accepted: 7, Missed: 5, Delivered: 2})
	if err != nil {
		t.Fatal(err)
	}
}

// What is written, gopacket reads back: packets of all alignments, whole or cut.
func TestGopacketReadsIt(t *testing.T) {
	t.Parallel()
	var packets []Packet
	for n := range 10 {
		packets = append(packets, Packet{
			Time: at.Add(time.Duration(n)), Data: bytes.Repeat([]byte{byte(n)}, n), Len: n + n%2*100,
			Direction: Direction(n % 3), Missed: uint64(n % 4), Comments: strings.Fields("one three")[:n%3],
		})
	}
	var b bytes.Buffer
	write(t, &b, packets...)
	var stats pcapgo.NgInterfaceStatistics
	r, err := pcapgo.NewNgReader(&b, pcapgo.NgReaderOptions{
		StatisticsCallback: func(_ int, s pcapgo.NgInterfaceStatistics) { stats = s },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range packets {
		data, ci, err := r.ReadPacketData()
		if err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		if !bytes.Equal(data, want.Data) || !ci.Timestamp.Equal(want.Time) || ci.Length != want.Len || ci.CaptureLength != len(want.Data) {
			t.Errorf("packet %d is %x, %+v; want %+v", i, data, ci, want)
		}
	}
	if _, _, err := r.ReadPacketData(); err != io.EOF {
		t.Errorf("after the last packet: %v", err)
	}
	ifc, err := r.Interface(0)
	if err != nil || ifc.Name != "tiny0" || ifc.Description != "MTU 1500" || ifc.Filter != "port 80" ||
		ifc.LinkType != layers.LinkTypeRaw || ifc.SnapLength != 262144 || ifc.TimestampResolution != 9 {
		t.Errorf("interface %+v, %v", ifc, err)
	}
	if stats.PacketsReceived != 9 || stats.PacketsDropped != 5 || !stats.StartTime.Equal(at) || !stats.EndTime.Equal(at.Add(time.Second)) {
		t.Errorf("statistics %+v", stats)
	}
	if r.SectionInfo().Application != "tinystack" {
		t.Errorf("section %+v", r.SectionInfo())
	}
}

// tshark reads what gopacket doesn't: flags, comments, missed packets.
func TestTsharkReadsIt(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("needs tshark")
	}
	file := filepath.Join(t.TempDir(), "x.pcapng")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write(t, f,
		Packet{Time: at, Data: icmpEcho, Len: len(icmpEcho), Direction: Inbound},
		Packet{Time: at.Add(1), Data: icmpEcho[:28], Len: 29, Direction: Outbound, Missed: 1 << 40, Comments: []string{"one", "two"}},
	)
	out, err := exec.Command("tshark", "-r", file, "-T", "fields", "-E", "separator=;", "-e", "frame.time_epoch",
		"-e", "frame.packet_flags_direction", "-e", "frame.drop_count", "-e", "frame.comment",
		"-e", "frame.len", "-e", "frame.cap_len", "-e", "frame.interface_name", "-e", "icmp.type").Output()
	if err != nil {
		t.Fatal(err)
	}
	const want = "1700000000.123456789;0x00000001;;;29;29;tiny0;8\n" +
		"1700000000.123456790;0x00000002;1099511627776;one,two;29;28;tiny0;8\n"
	if string(out) != want {
		t.Errorf("tshark reads\n%swant\n%s", out, want)
	}
}

// However long a comment is, the block stays one that can be read.
func TestLongCommentIsCut(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	write(t, &b, Packet{Data: icmpEcho, Len: len(icmpEcho), Comments: []string{strings.Repeat("x", 1<<17), ""}})
	r, err := pcapgo.NewNgReader(&b, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	if data, _, err := r.ReadPacketData(); err != nil || !bytes.Equal(data, icmpEcho) {
		t.Errorf("%x, %v", data, err)
	}
	if _, _, err := r.ReadPacketData(); err != io.EOF {
		t.Errorf("then %v", err)
	}
}

func TestUnknownInterface(t *testing.T) {
	t.Parallel()
	n, err := NewWriter(io.Discard, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []int{-1, 0} {
		if err := n.WritePacket(&Packet{Interface: id}); err == nil {
			t.Errorf("a packet of interface %d is written", id)
		}
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

func TestErrorsAreTold(t *testing.T) {
	t.Parallel()
	if _, err := NewWriter(failing{}, ""); err != errors.ErrUnsupported {
		t.Errorf("NewWriter: %v", err)
	}
	w := &Writer{w: failing{}, interfaces: 1}
	if _, err := w.AddInterface(Interface{}); err != errors.ErrUnsupported {
		t.Errorf("AddInterface: %v", err)
	}
	if err := w.WritePacket(&Packet{}); err != errors.ErrUnsupported {
		t.Errorf("WritePacket: %v", err)
	}
	if err := w.WriteStatistics(0, Statistics{}); err != errors.ErrUnsupported {
		t.Errorf("WriteStatistics: %v", err)
	}
}

func TestPacketsAllocateNothing(t *testing.T) {
	n, _ := NewWriter(io.Discard, "")
	_, _ = n.AddInterface(Interface{})
	p := Packet{Time: at, Data: make([]byte, 1500), Len: 1500, Direction: Inbound, Missed: 1}
	if a := testing.AllocsPerRun(100, func() { _ = n.WritePacket(&p) }); a != 0 {
		t.Errorf("%v allocations for a packet", a)
	}
}
