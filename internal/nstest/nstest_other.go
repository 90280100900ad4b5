//go:build !linux

package nstest

import (
	"net/netip"
	"testing"
)

// Isolated skips the test: network namespaces are Linux's.
func Isolated(t *testing.T) bool {
	t.Helper()
	t.Skip("needs a network namespace, which is Linux's alone")
	return false
}

// Up fails the test: no device can be in a namespace here.
func Up(t testing.TB, name string, _ netip.Prefix) {
	t.Helper()
	t.Fatalf("setting %s up: not on this system", name)
}
