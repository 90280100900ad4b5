package udp

import (
	"hash/maphash"
	"net/netip"
	"testing"
)

func peer(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(n >> 8), byte(n)}), uint16(1024+n))
}

// Answers leave where the peer's last datagram came in. With more flows than there are slots
// some leave on queue 0, none on another's queue.
func TestAffinity(t *testing.T) {
	t.Parallel()
	a := affinity{seed: maphash.MakeSeed()}
	a.note(53, peer(1), 0)
	if a.slots.Load() != nil {
		t.Error("one queue takes memory")
	}
	for _, queue := range []uint8{2, 0, 255, 1} {
		a.note(53, peer(1), queue)
		if got := a.queue(53, peer(1)); got != queue {
			t.Errorf("queue %d, want %d", got, queue)
		}
		if got := a.queue(54, peer(1)); got != 0 {
			t.Errorf("another port's: queue %d", got)
		}
	}
	const flows = 4 * affinitySlots
	kept := 0
	for n := range flows {
		a.note(53, peer(n), uint8(1+n%3))
	}
	for n := range flows {
		switch a.queue(53, peer(n)) {
		case uint8(1 + n%3):
			kept++
		case 0:
		default:
			t.Fatalf("peer %d: another flow's queue", n)
		}
	}
	if kept < affinitySlots/2 || kept > affinitySlots {
		t.Errorf("%d flows of %d are remembered in %d slots", kept, flows, affinitySlots)
	}
}

func TestAffinityAllocations(t *testing.T) {
	a := affinity{seed: maphash.MakeSeed()}
	a.note(53, peer(1), 1)
	if n := testing.AllocsPerRun(100, func() {
		a.note(53, peer(2), 2)
		a.queue(53, peer(2))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
