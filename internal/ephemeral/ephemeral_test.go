package ephemeral

import "testing"

const ports = Last - First + 1

// Each port is asked for once, and all are in the range.
func TestAsksEachOnce(t *testing.T) {
	t.Parallel()
	asked := map[uint16]bool{}
	_, ok := Pick(nil, func(port uint16) bool {
		if port < First || port > Last || asked[port] {
			t.Fatalf("asked for %d, again: %v", port, asked[port])
		}
		asked[port] = true
		return false
	})
	if ok || len(asked) != ports {
		t.Errorf("ok is %v after asking for %d of %d ports", ok, len(asked), ports)
	}
}

func TestFindsTheLastFreeOne(t *testing.T) {
	t.Parallel()
	for _, free := range []uint16{First, First + 1, 45678, Last} {
		if got, ok := Pick(nil, func(port uint16) bool { return port == free }); !ok || got != free {
			t.Errorf("Pick = %d, %v; want %d", got, ok, free)
		}
	}
}

// "Ephemeral port selection algorithms should obfuscate the allocation of their
// ephemeral ports" (RFC 6056 3.1): over many picks each quarter of the range gets
// its share, and the next port is hardly ever the successor.
func TestRandom(t *testing.T) {
	t.Parallel()
	const picks = 4000
	var quarters [4]int
	successors, last := 0, uint16(0)
	for range picks {
		port, _ := Pick(nil, func(uint16) bool { return true })
		quarters[int(port-First)*4/ports]++
		if port == last+1 {
			successors++
		}
		last = port
	}
	for i, n := range quarters {
		if n < picks/4*8/10 || n > picks/4*12/10 { // some 7 standard deviations
			t.Errorf("quarter %d of the range has %d of %d picks", i, n, picks)
		}
	}
	if successors > 20 {
		t.Errorf("%d of %d picks were the successor of the one before", successors, picks)
	}
}
