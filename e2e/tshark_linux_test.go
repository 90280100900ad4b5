package e2e

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/gopacket/pcapgo"
)

// strict has tshark check all checksums, and show numbers as they are on the wire.
// Each packet is judged by itself: streams are not put together, and what is in
// them, random bytes, is taken for nothing else.
var strict = []string{
	"-n",
	"-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
	"-o", "tcp.relative_sequence_numbers:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE",
	"-d", "tcp.port==80,data", "-d", "tcp.port==7,data", "-d", "udp.port==7,data",
}

// tshark runs tshark on a capture and returns its output.
func tshark(t *testing.T, file string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("tshark", append([]string{"-r", file}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, &stderr)
	}
	return out
}

// row is what tshark says of one packet: the values of a field, joined by commas.
type row map[string]string

// dissect returns what tshark says of the fields of each packet.
func dissect(t *testing.T, file string, fields []string) (rows []row) {
	t.Helper()
	args := append([]string{"-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,"}, strict...)
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	for line := range strings.Lines(string(tshark(t, file, args...))) {
		values := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(values) != len(fields) {
			t.Fatalf("tshark's line has %d fields, want %d: %q", len(values), len(fields), line)
		}
		r := make(row, len(fields))
		for i, f := range fields {
			r[f] = values[i]
		}
		rows = append(rows, r)
	}
	return rows
}

// number returns v as a decimal number if it is one in any notation.
func number(v string) string {
	switch v {
	case "True":
		return "1"
	case "False":
		return "0"
	}
	if n, err := strconv.ParseUint(v, 0, 64); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return v
}

// readCapture returns the packets of a capture, as gopacket reads it.
func readCapture(t *testing.T, file string) (packets [][]byte) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, _, err := r.ReadPacketData()
		if err == io.EOF {
			return packets
		}
		if err != nil {
			t.Fatalf("after %d packets: %v", len(packets), err)
		}
		packets = append(packets, data)
	}
}
