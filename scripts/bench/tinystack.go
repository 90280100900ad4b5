package main

import (
	"fmt"
	"net"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
)

func openTinystack(queues int) (listenFunc, error) {
	s, err := newTinystack(stack.Config{}, queues)
	if err != nil {
		return nil, err
	}
	return listenTinystack(s), nil
}

// newTinystack puts a stack on a TUN device of so many queues, as `tinystack up` does.
func newTinystack(cfg stack.Config, queues int) (*stack.Stack, error) {
	dev, err := link.OpenTUN(link.TUNConfig{Name: tunName, MTU: mtu, Queues: queues})
	if err != nil {
		return nil, err
	}
	s, err := stack.New(cfg)
	if err != nil {
		return nil, err
	}
	if err := s.AddInterface(dev, serverPrefix); err != nil {
		return nil, err
	}
	if err := s.SetDefaultGateway(clientPrefix.Addr()); err != nil {
		return nil, err
	}
	return s, setUp(tunName, clientPrefix)
}

func listenTinystack(s *stack.Stack) listenFunc {
	return func(port uint16) (net.Listener, error) { return s.Listen("tcp", fmt.Sprintf(":%d", port)) }
}
