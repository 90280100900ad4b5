package stack_test

import (
	"fmt"
	"io"
	"log"
	"net/netip"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
)

// A server on one host, a client on another, and the link between them in memory.
// With link.OpenTUN in place of link.Pair, the other host is this computer.
func Example() {
	wire, other := link.Pair(link.PairConfig{})
	ready := make(chan bool)
	go server(wire, ready)
	<-ready
	client(other)
	// Output: Hello from 198.18.0.2:80!
}

func server(dev link.Device, ready chan bool) {
	s, err := stack.New(stack.Config{})
	check(err)
	check(s.AddInterface(dev, netip.MustParsePrefix("198.18.0.2/24")))
	ln, err := s.Listen("tcp", ":80")
	check(err)
	close(ready)
	c, err := ln.Accept()
	check(err)
	fmt.Fprintf(c, "Hello from %v!\n", c.LocalAddr())
	check(c.Close())
}

func client(dev link.Device) {
	s, err := stack.New(stack.Config{})
	check(err)
	defer s.Close()
	check(s.AddInterface(dev, netip.MustParsePrefix("198.18.0.1/24")))
	c, err := s.Dial("tcp", "198.18.0.2:80")
	check(err)
	greeting, err := io.ReadAll(c)
	check(err)
	fmt.Print(string(greeting))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// UDP has net's functions too.
func ExampleStack_ListenPacket() {
	s, err := stack.New(stack.Config{})
	check(err)
	defer s.Close()
	server, err := s.ListenPacket("udp", "localhost:53")
	check(err)
	client, err := s.Dial("udp", "localhost:53")
	check(err)
	_, err = client.Write([]byte("What is the address of www.example.com?"))
	check(err)

	b := make([]byte, 512)
	n, _, err := server.ReadFrom(b)
	check(err)
	fmt.Printf("%s\n", b[:n])
	// Output: What is the address of www.example.com?
}
