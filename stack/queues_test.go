package stack_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/tcp"
)

// flow is what identifies one, without telling its ends apart; ports are 0 where there are none.
type flow struct {
	protocol byte
	a, b     netip.AddrPort
}

func flowOf(b []byte) flow {
	h, payload, _ := ipv4.Parse(b)
	var ports [2]uint16
	if h.Protocol != 1 {
		for i := range ports {
			ports[i] = uint16(payload[2*i])<<8 | uint16(payload[2*i+1])
		}
	}
	f := flow{h.Protocol, netip.AddrPortFrom(h.Src, ports[0]), netip.AddrPortFrom(h.Dst, ports[1])}
	if f.b.Compare(f.a) < 0 {
		f.a, f.b = f.b, f.a
	}
	return f
}

// watched is a device that remembers which flows were written on which queues. steer, unless
// nil, chooses the queue in the writer's place, as a kernel does that moves flows.
type watched struct {
	*link.Pipe
	steer func(f flow) uint8

	mu   sync.Mutex
	used map[flow][]uint8 // the queues of each flow's packets, repetitions left out
}

func (d *watched) Write(p *packet.Out) error {
	f := flowOf(p.AppendTo(nil))
	if d.steer != nil {
		p.Queue = d.steer(f)
	}
	d.mu.Lock()
	queue := p.Queue % uint8(len(d.Queues()))
	if all := d.used[f]; len(all) == 0 || all[len(all)-1] != queue {
		d.used[f] = append(all, queue)
	}
	d.mu.Unlock()
	return d.Pipe.Write(p)
}

func (d *watched) flows() map[flow][]uint8 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.used)
}

// queued returns two hosts, 198.18.0.1 and .2, on a link of so many queues.
func queued(t *testing.T, n int) (a, b *stack.Stack, devA, devB *watched) {
	t.Helper()
	a, b = newStack(t, stack.Config{}), newStack(t, stack.Config{})
	x, y := link.Pair(link.PairConfig{Queues: n, Features: offloads, Queue: 1 << 14})
	devA, devB = &watched{Pipe: x, used: map[flow][]uint8{}}, &watched{Pipe: y, used: map[flow][]uint8{}}
	must(t, a.AddInterface(devA, netip.MustParsePrefix("198.18.0.1/24")))
	must(t, b.AddInterface(devB, netip.MustParsePrefix("198.18.0.2/24")))
	return a, b, devA, devB
}

// transfers has so many connections carry data to b and back, all at once.
func transfers(t *testing.T, a, b *stack.Stack, conns int) {
	t.Helper()
	ln := listen(t, b, ":7")
	defer ln.Close()
	go echo(ln)
	var all sync.WaitGroup
	for i := range conns {
		all.Go(func() {
			c, err := a.Dial("tcp", "198.18.0.2:7")
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			data := bytes.Repeat([]byte{byte(i), 1, 2, 3, 4, 5, 6}, 1<<15)
			go func() {
				c.Write(data)
				c.(*tcp.Conn).CloseWrite()
			}()
			h := sha256.New()
			n, err := io.Copy(h, c)
			if want := sha256.Sum256(data); err != nil || !bytes.Equal(h.Sum(nil), want[:]) {
				t.Errorf("connection %d: %d bytes of %d came back, %v", i, n, len(data), err)
			}
		})
	}
	all.Wait()
}

// All of a connection leaves on one queue at both ends, and arrives in order; the connections
// are spread over all queues, and the queues' counters add up to the interface's.
func TestQueueOfTCP(t *testing.T) { synctest.Test(t, testQueueOfTCP) }

func testQueueOfTCP(t *testing.T) {
	const conns = 40
	a, b, devA, devB := queued(t, 4)
	transfers(t, a, b, conns)
	there, back := devA.flows(), devB.flows()
	spread := map[uint8]int{}
	for f, queues := range there {
		if len(queues) != 1 || !slices.Equal(queues, back[f]) {
			t.Errorf("%v left on queues %v, its answers on %v", f, queues, back[f])
		}
		spread[queues[0]]++
	}
	if len(there) != conns || len(spread) != 4 {
		t.Errorf("%d flows on queues %v", len(there), spread)
	}
	for _, s := range []*stack.Stack{a, b} {
		if got := s.Stats().TCP; got.RetransSegs != 0 || got.DupAcksReceived != 0 {
			t.Errorf("%d segments were sent again, for %d the ACK said that they came out of order", got.RetransSegs, got.DupAcksReceived)
		}
		i := s.Interfaces()[1].Stats()
		var sum stack.QueueStats
		for _, q := range i.Queues {
			if q.InPackets == 0 || q.OutPackets == 0 {
				t.Errorf("a queue was not used: %+v", i.Queues)
			}
			sum.InPackets += q.InPackets
			sum.OutOctets += q.OutOctets
		}
		if len(i.Queues) != 4 || sum.InPackets != i.InPackets || sum.OutOctets != i.OutOctets {
			t.Errorf("queues %+v of %+v", i.Queues, i)
		}
	}
	if q := a.Interfaces()[0].Stats().Queues; q != nil {
		t.Errorf("loopback has queues %v", q)
	}
}

// When the other side moves a flow, the answers follow; they do not go back to where they
// were, nor does anything come out of order.
func TestQueueMoves(t *testing.T) { synctest.Test(t, testQueueMoves) }

func testQueueMoves(t *testing.T) {
	a, b, devA, devB := queued(t, 3)
	var now atomic.Uint32
	devA.steer = func(flow) uint8 { return uint8(now.Load()) }
	go echo(listen(t, b, ":7"))
	go echoPackets(listenPacket(t, b, ":53"))
	c, u := dial(t, a, "tcp", "198.18.0.2:7"), dial(t, a, "udp", "198.18.0.2:53")
	data := bytes.Repeat([]byte("0123456789"), 5000)
	for _, queue := range []uint32{0, 2, 1, 0, 1} {
		now.Store(queue)
		go c.Write(data)
		if _, err := io.ReadFull(c, make([]byte, len(data))); err != nil {
			t.Fatal(err)
		}
		exchange(t, u, []byte("datagram"))
		if _, err := ping(t, a, "198.18.0.2", 64); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // for the last ACK
	}
	flows := devB.flows()
	for f, queues := range flows {
		if !slices.Equal(queues, []uint8{0, 2, 1, 0, 1}) {
			t.Errorf("%v: answers left on queues %v", f, queues)
		}
	}
	if s := a.Stats().TCP; len(flows) != 3 || s.DupAcksReceived != 0 || s.RetransSegs != 0 {
		t.Errorf("%d flows, %d segments out of order", len(flows), s.DupAcksReceived)
	}
}

// Where nobody listens, the refusal leaves on the queue of what it refuses; so do the answers
// of a socket for all peers, to many of them, and what a closed connection still answers.
func TestQueueOfAnswers(t *testing.T) { synctest.Test(t, testQueueOfAnswers) }

func testQueueOfAnswers(t *testing.T) {
	a, b, devA, devB := queued(t, 4)
	devA.steer = func(f flow) uint8 { return uint8(f.a.Port()+f.b.Port()) % 4 }
	go echoPackets(listenPacket(t, b, ":53"))
	for range 100 {
		exchange(t, dial(t, a, "udp", "198.18.0.2:53"), []byte("who"))
	}
	ln := listen(t, b, ":80")
	for range 20 {
		if _, err := a.Dial("tcp", "198.18.0.2:81"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatal(err)
		}
		c := dial(t, a, "tcp", "198.18.0.2:80")
		s, err := ln.Accept()
		must(t, err)
		s.Close()
		c.Close()
	}
	time.Sleep(time.Second)
	there, back := devA.flows(), devB.flows()
	if len(there) != 140 {
		t.Errorf("%d flows", len(there))
	}
	for f, queues := range there {
		if !slices.Equal(queues, back[f]) {
			t.Errorf("%v on queues %v, its answers on %v", f, queues, back[f])
		}
	}
	closed := dial(t, a, "udp", "198.18.0.2:54")
	f := flow{17, closed.LocalAddr().(*net.UDPAddr).AddrPort(), netip.MustParseAddrPort("198.18.0.2:54")}
	closed.Write([]byte("nobody"))
	if _, err := closed.Read(make([]byte, 9)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Read: %v", err)
	}
	icmp := devB.flows()[flow{1, netip.AddrPortFrom(addrA, 0), netip.AddrPortFrom(addrB, 0)}]
	if want := devA.flows()[f]; !slices.Equal(icmp, want) {
		t.Errorf("port unreachable on queues %v, want %v", icmp, want)
	}
}

// oneFails is a device whose second queue breaks when it is told to.
type oneFails struct {
	*link.Pipe
	fail chan struct{}
}

func (d *oneFails) Queues() []link.Queue {
	queues := d.Pipe.Queues()
	return []link.Queue{queues[0], failing{queues[1], d.fail}, queues[2]}
}

type failing struct {
	link.Queue
	fail chan struct{}
}

func (q failing) Read(b []byte, wait bool) (int, packet.Offload, error) {
	if !wait {
		return 0, packet.Offload{}, link.ErrWouldBlock
	}
	<-q.fail
	return 0, packet.Offload{}, syscall.EIO
}

// A queue that fails takes the interface down, with its error, and ends the other readers.
func TestQueueFails(t *testing.T) { synctest.Test(t, testQueueFails) }

func testQueueFails(t *testing.T) {
	s := newStack(t, stack.Config{})
	x, y := link.Pair(link.PairConfig{Queues: 3})
	defer y.Close()
	dev := &oneFails{x, make(chan struct{})}
	must(t, s.AddInterface(dev, netip.PrefixFrom(addrA, 24)))
	i := s.Interfaces()[1]
	synctest.Wait()
	if i.Err() != nil || !i.Stats().Up {
		t.Errorf("before: %v", i.Err())
	}
	close(dev.fail)
	<-i.Done()
	if st := i.Stats(); !errors.Is(i.Err(), syscall.EIO) || st.InErrors != 1 || st.Up {
		t.Errorf("%v, %+v; want EIO, one error", i.Err(), st)
	}
	if err := x.Write(packet.NewOut()); !errors.Is(err, link.ErrClosed) {
		t.Errorf("the device: %v, want it closed", err)
	}
}

type noQueues struct{ *link.Pipe }

func (noQueues) Queues() []link.Queue { return nil }

func TestAddInterfaceWithoutQueues(t *testing.T) {
	t.Parallel()
	s := newStack(t, stack.Config{})
	dev, _ := link.Pair(link.PairConfig{})
	if err := s.AddInterface(noQueues{dev}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a device without a queue: %v, want EINVAL", err)
	}
}

// A router sends a flow on on the queue of the number that it came in on, both ways.
func TestQueueForwarded(t *testing.T) { synctest.Test(t, testQueueForwarded) }

func testQueueForwarded(t *testing.T) {
	a, b := newStack(t, stack.Config{}), newStack(t, stack.Config{})
	router := newStack(t, stack.Config{IP: ipv4.Config{Forward: true}})
	cfg := link.PairConfig{Queues: 4, Features: offloads, Queue: 1 << 14}
	nearA, left := link.Pair(cfg)
	nearB, right := link.Pair(cfg)
	onLeft, onRight := &watched{Pipe: left, used: map[flow][]uint8{}}, &watched{Pipe: right, used: map[flow][]uint8{}}
	must(t, a.AddInterface(nearA, netip.MustParsePrefix("198.18.0.1/24")))
	must(t, b.AddInterface(nearB, netip.MustParsePrefix("198.18.0.2/32")))
	must(t, router.AddInterface(&named{onLeft, "left"}, netip.MustParsePrefix("198.18.0.254/24")))
	must(t, router.AddInterface(&named{onRight, "right"}, netip.MustParsePrefix("198.19.0.254/24")))
	must(t, router.AddRoute(stack.Route{Dst: netip.MustParsePrefix("198.18.0.2/32"), Interface: "right"}))
	must(t, b.AddRoute(stack.Route{Dst: netip.MustParsePrefix("0.0.0.0/0"), Interface: nearB.Name()}))
	transfers(t, a, b, 20)
	there, back := onRight.flows(), onLeft.flows()
	for f, queues := range there {
		if len(queues) != 1 || !slices.Equal(queues, back[f]) {
			t.Errorf("%v was forwarded on queues %v, back on %v", f, queues, back[f])
		}
	}
	if len(there) != 20 {
		t.Errorf("%d flows", len(there))
	}
}

// named is a device under another name.
type named struct {
	*watched
	name string
}

func (d *named) Name() string { return d.name }
