// Package e2e holds the end-to-end tests: the real program on a real TUN device,
// and the host's own curl, ping and sockets against it. Each test runs in a
// network namespace of its own, without which it skips and says why. With -short
// the transfers are small.
package e2e
