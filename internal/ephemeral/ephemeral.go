// Package ephemeral picks local ports at random (RFC 6056 3.3.1), from the range
// that Linux uses.
package ephemeral

import "github.com/tinystack/tinystack/internal/random"

// The range of ports, both ends included.
const (
	First = 32768
	Last  = 60999
)

// Pick returns a port that free reports true for, or false when there is none. With a
// nil r no peer can guess it. It asks free of each port once, from a random one on.
func Pick(r *random.Source, free func(port uint16) bool) (port uint16, ok bool) {
	const n = Last - First + 1
	start := r.IntN(n)
	for i := range n {
		port = uint16(First + (start+i)%n)
		if free(port) {
			return port, true
		}
	}
	return 0, false
}
