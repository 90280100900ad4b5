package netcfg

import (
	"bytes"
	"os"
)

// Forwards reports whether this machine forwards what comes from device. It does not deny what
// it can't tell.
func Forwards(device string) bool {
	b, err := os.ReadFile("/proc/sys/net/ipv4/conf/" + device + "/forwarding")
	return err != nil || !bytes.Equal(bytes.TrimSpace(b), []byte("0"))
}
