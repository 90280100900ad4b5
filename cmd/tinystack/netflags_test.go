package main

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// parseNet parses the flags of the network from a command line.
func parseNet(t *testing.T, line string) (netConfig, error) {
	t.Helper()
	var f netFlags
	cmd := &cobra.Command{}
	f.add(cmd, "t0", "198.18.0.2/24")
	if err := cmd.ParseFlags(strings.Fields(line)); err != nil {
		t.Fatal(err)
	}
	return f.config()
}

func TestNetFlags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ line, stack, host string }{
		{"", "198.18.0.2/24", "198.18.0.1"},
		{"--addr 198.18.0.1/24", "198.18.0.1/24", "198.18.0.2"},
		{"--addr 10.0.0.0/31", "10.0.0.0/31", "10.0.0.1"},
		{"--addr 10.0.0.9/8 --host-addr 10.255.255.254", "10.0.0.9/8", "10.255.255.254"},
	} {
		c, err := parseNet(t, tt.line)
		if err != nil {
			t.Errorf("%q: %v", tt.line, err)
			continue
		}
		if c.stack != netip.MustParsePrefix(tt.stack) || c.host != netip.MustParseAddr(tt.host) {
			t.Errorf("%q: stack %v, host %v; want %s, %s", tt.line, c.stack, c.host, tt.stack, tt.host)
		}
	}
}

// What is wrong is named, with its range.
func TestNetFlagsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ line, want string }{
		{"--mtu 67", "--mtu 67 is out of range: 68 to 65535 bytes"},
		{"--mtu 65536", "--mtu 65536 is out of range"},
		{"--driver tap", `--driver "tap" is neither`},
		{"--dev a/b", `--dev "a/b" is not an interface's name`},
		{"--dev tun%d", "is not an interface's name"},
		{"--dev 0123456789abcdef", "is not an interface's name"},
		{"--addr 198.18.0.2", `--addr "198.18.0.2" is not an address and its subnet's length`},
		{"--addr fd00::2/64", "--addr fd00::2/64 is not IPv4"},
		{"--addr ::ffff:198.18.0.2/120", "is not IPv4"},
		{"--addr 198.18.0.2/32", "out of range: /8 to /31"},
		{"--addr 10.0.0.2/7", "out of range: /8 to /31"},
		{"--host-addr x", `--host-addr "x" is not an address`},
		{"--host-addr fd00::1", "is not in the subnet"},
		{"--host-addr ::ffff:198.18.0.1", "is not in the subnet"},
		{"--host-addr 198.18.1.1", "--host-addr 198.18.1.1 is not in the subnet 198.18.0.0/24 of --addr"},
		{"--host-addr 198.18.0.2", "--addr and --host-addr are both 198.18.0.2"},
		{"--host-addr 198.18.0.255", "198.18.0.255 is the network's or the broadcast address of 198.18.0.0/24"},
		{"--addr 198.18.0.0/24", "198.18.0.0 is the network's or the broadcast address"},
		{"--addr 127.0.0.2/24", "127.0.0.2 is not an address that a host can have"},
		{"--addr 224.0.0.2/24", "not an address that a host can have"},
		{"--addr 255.255.255.254/24", "not an address that a host can have"},
		{"--addr 0.0.0.2/24", "not an address that a host can have"},
	} {
		_, err := parseNet(t, tt.line)
		var usage usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want a usage error with %q", tt.line, err, tt.want)
		}
	}
}
