package packet

import (
	"bytes"
	"slices"
	"testing"
)

func TestGetIsLargeEnough(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, 0, 1, 1500, 2047, 2048, 2049, 65535, 65536, 65537, 1 << 24, 1<<24 + 1} {
		b := Get(n)
		if len(b.B) < n {
			t.Errorf("Get(%d) is of %d bytes", n, len(b.B))
		}
		if n <= 1<<24 && (len(b.B) > max(2*n, 2048) || len(b.B)&(len(b.B)-1) != 0) {
			t.Errorf("Get(%d) is of %d bytes", n, len(b.B))
		}
		b.Release()
	}
}

// Memory of a length that Get never hands out must not come back from it.
func TestReleaseOfForeignMemory(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 1024, 1500, 1 << 25} {
		(&Buffer{B: make([]byte, n)}).Release()
	}
	for _, n := range []int{1, 2, 1024, 1500} {
		if b := Get(n); len(b.B) != 2048 {
			t.Errorf("Get(%d) is of %d bytes", n, len(b.B))
		}
	}
}

func TestOut(t *testing.T) {
	t.Parallel()
	p := NewOut()
	defer p.Release()
	p.Body = [2][]byte{[]byte("bo"), []byte("dy")}
	copy(p.Prepend(4), "tcp ")
	copy(p.Prepend(3), "ip ")
	if got := string(p.AppendTo([]byte("> "))); got != "> ip tcp body" {
		t.Errorf("the packet is %q", got)
	}
	if string(p.Head()) != "ip tcp " || p.BodyLen() != 4 || p.Len() != 11 {
		t.Errorf("head %q, body of %d, all of %d bytes", p.Head(), p.BodyLen(), p.Len())
	}
}

// A header can't be appended to beyond its end, into the next one.
func TestPrependIsCapped(t *testing.T) {
	t.Parallel()
	p := NewOut()
	defer p.Release()
	inner := p.Prepend(4)
	copy(inner, "keep")
	outer := p.Prepend(2)
	_ = append(outer, "overflow"...)
	if !bytes.Equal(inner, []byte("keep")) {
		t.Errorf("the inner header became %q", inner)
	}
}

func TestOutResetLeavesNothing(t *testing.T) {
	t.Parallel()
	p := NewOut()
	defer p.Release()
	p.Offload = Offload{Csum: CsumPartial, GSO: GSOTCP, SegSize: 1, CsumStart: 2, CsumOffset: 3}
	p.Protocol, p.TOS, p.TTL, p.DF = 6, 1, 2, true
	p.Body[0] = []byte("x")
	p.Prepend(MaxHead)
	p.Reset()
	if p.Offload != (Offload{}) || p.Protocol != 0 || p.TOS != 0 || p.TTL != 0 || p.DF || p.Len() != 0 {
		t.Errorf("after Reset: %+v", p)
	}
}

func TestInTake(t *testing.T) {
	t.Parallel()
	var in In
	if in.Take() != nil {
		t.Error("there was memory to take from an empty packet")
	}
	buf := Get(100)
	in.Fill(buf)
	if in.Buffer() != buf || in.Take() != buf {
		t.Error("the memory taken is not the packet's")
	}
	if in.Buffer() != nil || in.Take() != nil {
		t.Error("the memory was taken twice")
	}
}

// flusher notes its name, and asks to be flushed again as often as told.
type flusher struct {
	name  string
	again int
	in    *In
	log   *[]string
}

func (f *flusher) Flush() {
	*f.log = append(*f.log, f.name)
	if f.again > 0 {
		f.again--
		f.in.AtBatchEnd(f)
	}
}

func TestBatchEnd(t *testing.T) {
	t.Parallel()
	var in In
	var log []string
	in.EndBatch()
	for _, name := range []string{"a", "b", "c"} {
		in.AtBatchEnd(&flusher{name: name, in: &in, log: &log})
	}
	in.EndBatch()
	in.EndBatch()
	if !slices.Equal(log, []string{"a", "b", "c"}) {
		t.Errorf("flushed: %v", log)
	}
}

func TestFeatures(t *testing.T) {
	t.Parallel()
	f := TxChecksum | TSO
	for want, has := range map[Features]bool{0: true, TSO: true, TxChecksum | TSO: true, USO: false, TSO | USO: false} {
		if f.Has(want) != has {
			t.Errorf("%b has %b: %v", f, want, !has)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	body := make([]byte, 1400)
	if n := testing.AllocsPerRun(200, func() {
		p := NewOut()
		p.Prepend(20)
		p.Body[0] = body
		p.Release()
		Get(1500).Release()
	}); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
	var in In
	var log []string
	f := &flusher{log: &log}
	if n := testing.AllocsPerRun(200, func() {
		in.AtBatchEnd(f)
		in.EndBatch()
		log = log[:0]
	}); n != 0 {
		t.Errorf("%v allocations for a batch", n)
	}
}
