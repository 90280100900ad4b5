package tcp

import (
	"bytes"
	"testing"
)

func TestOptionsParse(t *testing.T) {
	t.Parallel()
	mss := Options{MSS: 1460}
	bad := Options{MSS: 1460, Malformed: true}
	for _, tt := range []struct {
		name string
		in   []byte
		want Options
	}{
		{"none", nil, Options{}},
		{"NOPs", []byte{1, 1, 1, 1}, Options{}},
		{"the end hides the rest", []byte{2, 4, 5, 180, 0, 3, 3, 7}, mss},
		{"unknown kinds are skipped by their length", []byte{254, 4, 9, 9, 30, 2, 2, 4, 5, 180}, mss},
		{"unknown kind without a value", []byte{99, 2, 2, 4, 5, 180}, mss},
		{"the last one counts", []byte{2, 4, 1, 1, 2, 4, 5, 180}, mss},
		// "TCP implementations MUST be prepared to handle an illegal option length (e.g., zero)" (RFC 9293 3.2, MUST-7).
		{"length zero", []byte{2, 4, 5, 180, 8, 0, 1, 1}, bad},
		{"length one", []byte{2, 4, 5, 180, 8, 1, 1, 1}, bad},
		{"length beyond the header", []byte{2, 4, 5, 180, 8, 10, 1, 1}, bad},
		{"no length", []byte{2, 4, 5, 180, 1, 1, 1, 8}, bad},
		{"what precedes a bad one counts", []byte{2, 4, 5, 180, 99, 0, 3, 3}, bad},
		{"what follows does not", []byte{99, 0, 2, 4, 5, 180}, Options{Malformed: true}},
		{"MSS of a wrong length", []byte{2, 3, 5, 2, 5, 1, 1, 1, 2, 4, 5, 180}, mss},
		{"window scale of a wrong length", []byte{3, 4, 7, 7, 2, 4, 5, 180}, mss},
		{"window scale as it came", []byte{3, 3, 255}, Options{HasWindowScale: true, WindowScale: 255}},
		{"SACK-permitted of a wrong length", []byte{4, 3, 1, 2, 4, 5, 180}, mss},
		{"timestamps of a wrong length", []byte{8, 6, 1, 2, 3, 4, 2, 4, 5, 180}, mss},
		{"SACK without a block", []byte{5, 2, 2, 4, 5, 180}, mss},
		{"SACK with half a block", []byte{5, 6, 0, 0, 0, 1, 2, 4, 5, 180}, mss},
		{"SACK", []byte{5, 10, 0, 0, 0, 1, 0, 0, 0, 2}, Options{NumSACK: 1, SACK: [maxSACK]Block{{1, 2}}}},
	} {
		var got Options
		if got.parse(tt.in); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// Options are laid out as Linux does it, which middleboxes are used to.
func TestOptionsLayout(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		o    Options
		want []byte
	}{
		{
			"a SYN",
			Options{MSS: 1460, SACKPermitted: true, HasTimestamps: true, TSVal: 1, HasWindowScale: true, WindowScale: 7},
			[]byte{2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7},
		},
		{
			"timestamps",
			Options{HasTimestamps: true, TSVal: 1, TSEcr: 2},
			[]byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2},
		},
		{
			"SACK",
			Options{NumSACK: 1, SACK: [maxSACK]Block{{1, 2}}},
			[]byte{1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2},
		},
	} {
		if got := tt.o.appendTo(nil); !bytes.Equal(got, tt.want) {
			t.Errorf("%s: % x, want % x", tt.name, got, tt.want)
		}
	}
}

// However many options are asked for, a header says truly where it ends: SACK
// blocks give way, for the data offset ends at 60 bytes.
func TestOptionsAlwaysFit(t *testing.T) {
	t.Parallel()
	for n := range 256 {
		h := Header{Options: Options{
			MSS: 1460, SACKPermitted: n&1 != 0, HasWindowScale: n&2 != 0, HasTimestamps: n&4 != 0, NumSACK: uint8(n >> 3),
		}}
		b := h.AppendTo(nil)
		got, payload, err := Parse(append(b, "data"...))
		if err != nil || string(payload) != "data" || len(b) != h.Len() || len(b) > maxHeaderLen {
			t.Fatalf("%+v: %d bytes, Len %d, then %q, %v", h.Options, len(b), h.Len(), payload, err)
		}
		if got.Options.Malformed || got.Options.NumSACK > h.Options.NumSACK || (h.Options.NumSACK > 0 && got.Options.NumSACK == 0) {
			t.Fatalf("%+v came back as %+v", h.Options, got.Options)
		}
	}
}
