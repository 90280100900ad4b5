// Package nstest runs a test in a network namespace of its own, so that it may
// make devices, addresses and routes without touching the host's, and leaves
// nothing behind.
//
// A thread, not a Go program, is what belongs to a namespace, so the test binary
// starts itself again in a new one, for one test. Where that is not permitted
// the test is skipped, and says so.
//
//	func TestDevice(t *testing.T) {
//		if !nstest.Isolated(t) {
//			return // it ran in the child
//		}
//		...
//	}
package nstest
