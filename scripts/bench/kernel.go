package main

import (
	"fmt"
	"net"
)

func openKernel() (listenFunc, error) {
	listen := func(port uint16) (net.Listener, error) { return net.Listen("tcp4", fmt.Sprintf(":%d", port)) }
	return listen, setUp(serverVeth, serverPrefix)
}
