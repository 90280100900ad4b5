// Package ephemeral picks local ports at random (RFC 6056 3.3.1), from the range
// that Linux uses.
package ephemeral

import "math/rand/v2"

// The range of ports, both ends included.
const (
	First = 32768
	Last  = 60999
)

// Pick returns a port that free reports true for, or false when there is none.
// It asks free of each port once, from a random one on.
func Pick(free func(port uint16) bool) (port uint16, ok bool) {
	const n = Last - First + 1
	start := rand.IntN(n) // ChaCha8, seeded by the runtime: a peer can't guess it
	for i := range n {
		port = uint16(First + (start+i)%n)
		if free(port) {
			return port, true
		}
	}
	return 0, false
}
