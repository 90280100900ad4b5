package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// congestion is the congestion control of the kernel's sockets, the client's and
// the server's: Linux's default, whatever this host's is. (Of the peers, tinystack
// has it by default and gVisor is set to it.)
const congestion = "cubic"

func openKernel() (listenFunc, error) {
	config := net.ListenConfig{Control: setCongestion} // what is accepted inherits it
	listen := func(port uint16) (net.Listener, error) {
		return config.Listen(context.Background(), "tcp4", fmt.Sprintf(":%d", port))
	}
	return listen, setUp(serverVeth, serverPrefix)
}

func dial(port uint16) (net.Conn, error) {
	dialer := net.Dialer{Timeout: patience, Control: setCongestion}
	return dialer.Dial("tcp", netip.AddrPortFrom(serverPrefix.Addr(), port).String())
}

func setCongestion(_, _ string, c syscall.RawConn) error {
	var err error
	err2 := c.Control(func(fd uintptr) {
		err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestion)
	})
	if err != nil {
		return fmt.Errorf("congestion control %s: %w", congestion, err)
	}
	return err2
}
