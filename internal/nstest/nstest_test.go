//go:build linux

package nstest

import (
	"net"
	"os"
	"testing"
)

// The test runs where there is loopback, up, and nothing else.
func TestIsolated(t *testing.T) { // not parallel: it sets the environment
	host, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv(marker) == "" {
		t.Setenv("NSTEST_HOST", host) // for the child to compare with
	}
	if !Isolated(t) {
		return
	}
	if host == os.Getenv("NSTEST_HOST") {
		t.Errorf("still in the parent's namespace, %s", host)
	}
	ifs, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	if len(ifs) != 1 || ifs[0].Name != "lo" || ifs[0].Flags&net.FlagUp == 0 {
		t.Errorf("interfaces are %v, want lo alone and up", ifs)
	}
}

func TestIsolatedSubtest(t *testing.T) {
	t.Parallel()
	ran := false
	t.Run("with a name (of its own)", func(t *testing.T) {
		ran = true
		if Isolated(t) {
			t.Log("in the child")
		}
	})
	if !ran {
		t.Error("the child ran no subtest")
	}
}

// What the child says of itself is said of the test.
func TestSkipIsTheChilds(t *testing.T) {
	t.Parallel()
	t.Run("skips", func(t *testing.T) {
		defer func() {
			if os.Getenv(marker) == "" && !t.Skipped() {
				t.Error("the child skipped, the parent did not")
			}
		}()
		if Isolated(t) {
			t.Skip("because")
		}
	})
}
