package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/tcp"
)

// serveWAN is the server's process in a wide-area run: it sends to each that
// connects to port 19. With a third argument, that file gets a trace of the first
// connection. Its orders, as [serve]'s:
//
//	resent  the number of segments sent again
func serveWAN(args []string, in io.Reader, out io.Writer) error {
	if len(args) < 2 || len(args) > 3 {
		return fmt.Errorf("serve-wan wants a peer's name and an algorithm, and may have a file")
	}
	if err := behindWire(); err != nil {
		return err
	}
	p, err := findWANPeer(args[0])
	if err != nil {
		return err
	}
	s, err := p.open(args[1])
	if err != nil {
		return err
	}
	ln, err := s.listen(chargenPort)
	if err != nil {
		return err
	}
	handle := chargen
	if len(args) == 3 && s.ask != nil {
		if handle, err = traced(args[2], s.ask, chargen); err != nil {
			return err
		}
	}
	go accept(ln, handle)
	return takeOrders(in, out, func(order string) (string, error) {
		if order != "resent" {
			return "", fmt.Errorf("unknown order %q", order)
		}
		n, err := s.resent()
		return strconv.FormatUint(n, 10), err
	})
}

func openWANTinystack(algorithm string) (sender, error) {
	s, err := newTinystack(stack.Config{TCP: tcp.Config{Congestion: algorithm}}, link.DefaultQueues())
	if err != nil {
		return sender{}, err
	}
	return sender{
		listen: listenTinystack(s),
		resent: func() (uint64, error) { return s.Stats().TCP.RetransSegs, nil },
		ask:    tinystackMoment,
	}, nil
}

func openWANGvisor(algorithm string) (sender, error) {
	s, err := newGvisorTUN(algorithm)
	if err != nil {
		return sender{}, err
	}
	return sender{
		listen: listenGvisor(s),
		resent: func() (uint64, error) { return s.Stats().TCP.Retransmits.Value(), nil },
	}, nil
}

// openWANKernel leaves the congestion control to the route.
func openWANKernel(string) (sender, error) {
	var config net.ListenConfig
	return sender{
		listen: func(port uint16) (net.Listener, error) {
			return config.Listen(context.Background(), "tcp4", fmt.Sprintf(":%d", port))
		},
		resent: func() (uint64, error) { return snmp("Tcp", "RetransSegs") },
		ask:    kernelMoment,
	}, nil
}

// snmp returns a counter of this process's namespace.
func snmp(group, name string) (uint64, error) {
	const file = "/proc/self/net/snmp"
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return snmpCounter(string(b), group, name)
}

// snmpCounter finds a counter in a text with a line of names and a line of values
// for each group.
func snmpCounter(text, group, name string) (uint64, error) {
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != group+":" {
			continue
		}
		for i, n := range names {
			if n == name && i < len(fields) {
				return strconv.ParseUint(fields[i], 10, 64)
			}
		}
		names = fields
	}
	return 0, fmt.Errorf("there is no %s of %s", name, group)
}
