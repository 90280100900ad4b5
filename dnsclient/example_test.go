package dnsclient_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
)

// A stack that dials names asks its name server for them, through itself. The name
// server is another stack, which knows one name.
func Example() {
	wire, other := link.Pair(link.PairConfig{})
	server, client := host(wire, "198.18.0.53/24"), host(other, "198.18.0.1/24")
	defer server.Close()
	defer client.Close()
	serveNames(server)

	asking, err := dnsclient.NewClient(dnsclient.ClientConfig{Dialer: client})
	check(err)
	conf := &dnsclient.ResolvConf{Servers: []netip.AddrPort{netip.MustParseAddrPort("198.18.0.53:53")}}
	stub, err := dnsclient.NewStub(dnsclient.StubConfig{
		Client: asking, ResolvConf: func() *dnsclient.ResolvConf { return conf },
	})
	check(err)
	names, err := dnsclient.NewLookup(dnsclient.LookupConfig{Resolver: stub})
	check(err)
	client.SetResolver(names)

	c, err := client.Dial("udp", "www.example.com:443")
	check(err)
	fmt.Println(c.RemoteAddr())
	_, err = client.Dial("udp", "nosuch.invalid:443")
	fmt.Println(err)
	// Output:
	// 198.18.0.80:443
	// dial udp: lookup nosuch.invalid: no such host
}

// host is a stack on a device.
func host(dev link.Device, prefix string) *stack.Stack {
	s, err := stack.New(stack.Config{})
	check(err)
	check(s.AddInterface(dev, netip.MustParsePrefix(prefix)))
	return s
}

// serveNames runs a name server on the stack.
func serveNames(s *stack.Stack) {
	hosts := &dnsclient.Hosts{}
	hosts.Add(netip.MustParseAddr("198.18.0.80"), "www.example.com")
	server, err := dnsclient.NewServer(dnsclient.ServerConfig{
		Resolver: dnsclient.WithHosts(func() *dnsclient.Hosts { return hosts }, nobody{}),
	})
	check(err)
	pc, err := s.ListenPacket("udp", "198.18.0.53:53")
	check(err)
	go server.ServePacket(pc)
}

// nobody is a resolver for which no name exists.
type nobody struct{}

func (nobody) Resolve(context.Context, dns.Question) (*dnsclient.Answer, error) {
	return &dnsclient.Answer{Rcode: dns.RcodeNameError}, nil
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
