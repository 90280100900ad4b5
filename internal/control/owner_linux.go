package control

import (
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// networkNamespace is the inode number of the network namespace.
func networkNamespace() string {
	link, err := os.Readlink("/proc/self/ns/net") // net:[4026531840]
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(link, "net:["), "]")
}

func owned(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid == uint32(os.Geteuid())
}

// peerIsUs reports whether the process at the other end runs as our user.
func peerIsUs(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var cred *unix.Ucred
	err = raw.Control(func(fd uintptr) { cred, _ = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return err == nil && cred != nil && cred.Uid == uint32(os.Geteuid())
}
