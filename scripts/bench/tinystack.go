package main

import (
	"fmt"
	"net"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
)

func openTinystack() (listenFunc, error) {
	dev, err := link.OpenTUN(link.TUNConfig{Name: tunName, MTU: mtu})
	if err != nil {
		return nil, err
	}
	s, err := stack.New(stack.Config{})
	if err != nil {
		return nil, err
	}
	if err := s.AddInterface(dev, serverPrefix); err != nil {
		return nil, err
	}
	listen := func(port uint16) (net.Listener, error) { return s.Listen("tcp", fmt.Sprintf(":%d", port)) }
	return listen, setUp(tunName, clientPrefix)
}
