package stack_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
)

// three returns two hosts, 198.18.0.1 and 198.19.0.2, and the router between them.
func three(t testing.TB) (a, router, b *stack.Stack) {
	t.Helper()
	a, b = newStack(t, stack.Config{}), newStack(t, stack.Config{})
	router = newStack(t, stack.Config{IP: ipv4.Config{Forward: true}})
	join(t, a, "198.18.0.1/24", router, "198.18.0.254/24", link.PairConfig{Name: "left"})
	join(t, b, "198.19.0.2/24", router, "198.19.0.254/24", link.PairConfig{Name: "right"})
	must(t, a.SetDefaultGateway(netip.MustParseAddr("198.18.0.254")))
	must(t, b.SetDefaultGateway(netip.MustParseAddr("198.19.0.254")))
	return a, router, b
}

func ping(t *testing.T, s *stack.Stack, to string, ttl int) (ipv4.EchoReply, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	return s.Ping(ctx, ipv4.EchoRequest{Remote: netip.MustParseAddr(to), TTL: ttl})
}

// What traceroute does: the first hop's router answers that the time was
// exceeded, from its address on that link; the second hop is the host.
func TestTraceroute(t *testing.T) { synctest.Test(t, testTraceroute) }

func testTraceroute(t *testing.T) {
	a, router, _ := three(t)
	first, err := ping(t, a, "198.19.0.2", 1)
	if err != nil || first.From != netip.MustParseAddr("198.18.0.254") || first.Type != 11 {
		t.Errorf("TTL 1: %+v, %v; want time exceeded from the router", first, err)
	}
	second, err := ping(t, a, "198.19.0.2", 2)
	if err != nil || second.From != netip.MustParseAddr("198.19.0.2") || second.Err != nil || second.TTL != 63 {
		t.Errorf("TTL 2: %+v, %v; want the host's reply", second, err)
	}
	if s := router.Stats(); s.ICMP.OutTimeExcds != 1 || s.IP.OutForwDatagrams != 2 {
		t.Errorf("the router forwarded %d, sent %d time exceeded", s.IP.OutForwDatagrams, s.ICMP.OutTimeExcds)
	}
}

// Without forwarding a host with two interfaces keeps them apart.
func TestNoForwarding(t *testing.T) { synctest.Test(t, testNoForwarding) }

func testNoForwarding(t *testing.T) {
	a, host, b := newStack(t, stack.Config{}), newStack(t, stack.Config{}), newStack(t, stack.Config{})
	join(t, a, "198.18.0.1/24", host, "198.18.0.254/24", link.PairConfig{Name: "left"})
	join(t, b, "198.19.0.2/24", host, "198.19.0.254/24", link.PairConfig{Name: "right"})
	must(t, a.SetDefaultGateway(netip.MustParseAddr("198.18.0.254")))
	if _, err := ping(t, a, "198.19.0.2", 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ping across: %v", err)
	}
	if s := host.Stats(); s.IP.DropNotLocal != 1 {
		t.Errorf("DropNotLocal is %d", s.IP.DropNotLocal)
	}
	if r, err := ping(t, a, "198.19.0.254", 0); err != nil || r.Err != nil { // the weak model, RFC 1122 3.3.4.2
		t.Errorf("ping the host's other address: %+v, %v", r, err)
	}
}

func TestNoRoute(t *testing.T) { synctest.Test(t, testNoRoute) }

func testNoRoute(t *testing.T) {
	a, _, _ := three(t)
	if r, err := ping(t, a, "203.0.113.1", 0); err != nil || r.Err != syscall.ENETUNREACH {
		t.Errorf("%+v, %v; want the router's network unreachable", r, err)
	}
	lone := newStack(t, stack.Config{})
	for _, network := range []string{"udp"} {
		if _, err := lone.Dial(network, "203.0.113.1:9"); !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("Dial: %v, want ENETUNREACH", err)
		}
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	s := newStack(t, stack.Config{})
	dev, _ := link.Pair(link.PairConfig{})
	must(t, s.AddInterface(dev, netip.PrefixFrom(addrA, 24)))
	gateways := func() (found []netip.Addr) {
		for _, r := range s.Routes() {
			if r.Dst.Bits() == 0 {
				found = append(found, r.Gateway)
			}
		}
		return found
	}
	first, second := netip.MustParseAddr("198.18.0.253"), netip.MustParseAddr("198.18.0.254")
	must(t, s.SetDefaultGateway(first))
	must(t, s.SetDefaultGateway(second))
	if err := s.SetDefaultGateway(netip.MustParseAddr("203.0.113.1")); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("a gateway on no subnet: %v", err)
	}
	if got := gateways(); len(got) != 1 || got[0] != second {
		t.Errorf("default gateways: %v, want %v alone", got, second)
	}
	r := stack.Route{Dst: netip.MustParsePrefix("203.0.113.0/24"), Interface: dev.Name()}
	must(t, s.AddRoute(r))
	if err := s.AddRoute(r); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("the same route again: %v", err)
	}
	must(t, s.DeleteRoute(r))
	if err := s.DeleteRoute(r); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("deleting what is gone: %v", err)
	}
	r.Interface = "none"
	if err := s.AddRoute(r); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("no such interface: %v", err)
	}
}

// Who dials while the default gateway changes finds the one or the other.
func TestDefaultGatewayIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	s := newStack(t, stack.Config{})
	dev, _ := link.Pair(link.PairConfig{})
	must(t, s.AddInterface(dev, netip.PrefixFrom(addrA, 24)))
	gateways := [...]netip.Addr{netip.MustParseAddr("198.18.0.253"), netip.MustParseAddr("198.18.0.254")}
	must(t, s.SetDefaultGateway(gateways[0]))
	var changes sync.WaitGroup
	defer changes.Wait()
	done := make(chan struct{})
	defer close(done)
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				if err := s.SetDefaultGateway(gateways[i%2]); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for range 2000 {
		c, err := s.Dial("udp", "203.0.113.1:9")
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
}
