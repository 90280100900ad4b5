// Package e2e holds the end-to-end tests: the real program on a real TUN device,
// and the host's own curl, ping and sockets against it. Each test runs in a
// network namespace of its own, without which it skips and says why. With -short
// the transfers are small.
//
// Whatever has a stack of its own writes its trace. At the test's end every packet sent
// and every drop in it must have a cause that was told before, and a rule.
package e2e
