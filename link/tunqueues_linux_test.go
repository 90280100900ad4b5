package link

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/tinystack/tinystack/internal/nstest"
	"github.com/tinystack/tinystack/packet"
)

// landings reads a device's queues, each by a goroutine, and tells on which a datagram came.
type landings chan landing

type landing struct {
	queue int
	from  netip.AddrPort
	first byte // of the payload
}

func readQueues(dev MultiQueue) landings {
	c := make(landings, 1000)
	for i, q := range dev.Queues() {
		go func() {
			buf := make([]byte, packet.MaxSize)
			for {
				n, _, err := q.Read(buf, true)
				if err != nil {
					return
				}
				if s, ok := parseSegment(buf[:n]); ok && s.protocol == protoUDP && s.dst == stackAddr {
					c <- landing{i, s.src, s.payload[0]}
				}
			}
		}()
	}
	return c
}

// next is the landing of the datagram that was just sent.
func (c landings) next(t *testing.T) landing {
	t.Helper()
	select {
	case at := <-c:
		return at
	case <-time.After(5 * time.Second):
		t.Fatal("a datagram came on no queue within 5 s")
		panic("unreachable")
	}
}

// hostSocket is a socket of the host's that is connected to the device's other end.
func hostSocket(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(stackAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c *net.UDPConn, first byte) {
	t.Helper()
	if _, err := c.Write([]byte{first, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
}

// The kernel spreads flows over the queues, keeps each on one, and moves it to the one that an
// answer leaves on: whoever answers on the queue a flow came in on keeps it there.
func TestTUNQueues(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	dev := openTUN(t, TUNConfig{Queues: 2})
	nstest.Up(t, dev.Name(), hostNet)
	came := readQueues(dev)
	flows := 0
	var used [2]int
	for ; flows < 32 || used[0]*used[1] == 0 && flows < 200; flows++ {
		c := hostSocket(t)
		send(t, c, 1)
		at := came.next(t)
		used[at.queue]++
		for i, queue := range []int{at.queue, 1 - at.queue, 1 - at.queue} {
			write(t, dev, onQueue(segment{src: stackAddr, dst: at.from, protocol: protoUDP, payload: pattern(8)}.out(true), uint8(queue)))
			send(t, c, byte(2+i))
			if next := came.next(t); next.queue != queue || next.first != byte(2+i) {
				t.Errorf("flow %d: datagram %d came in on queue %d, want %d", flows, next.first, next.queue, queue)
			}
		}
		c.Close()
	}
	if used[0] == 0 || used[1] == 0 {
		t.Errorf("%d flows began on queues %v", flows, used)
	}
}

// persistentQueues is persistent, made with multi_queue.
func persistentQueues(t *testing.T, name string) {
	t.Helper()
	tun := &netlink.Tuntap{
		LinkAttrs: netlink.LinkAttrs{Name: name},
		Mode:      netlink.TUNTAP_MODE_TUN, Flags: netlink.TUNTAP_MULTI_QUEUE_DEFAULTS, Queues: 1,
	}
	if err := netlink.LinkAdd(tun); err != nil {
		t.Skipf("needs a persistent device: %v", err)
	}
	for _, f := range tun.Fds {
		f.Close()
	}
}

// openQueues opens a device with n queues, counts them and closes it.
func openQueues(t *testing.T, name string, n int) error {
	t.Helper()
	dev, err := OpenTUN(TUNConfig{Name: name, Queues: n})
	if err != nil {
		return err
	}
	if got := len(dev.Queues()); got != max(n, 1) {
		t.Errorf("%d queues, want %d", got, n)
	}
	return dev.Close()
}

// A device made without multi_queue has one queue, and says so who wants more; one made with
// it has as many as one wants, one too.
func TestTUNQueuesPersistent(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	persistent(t, "tunone")
	persistentQueues(t, "tunmany")
	for _, n := range []int{0, 1} {
		if err := openQueues(t, "tunone", n); err != nil {
			t.Errorf("%d queues of a device of one: %v", n, err)
		}
	}
	err := openQueues(t, "tunone", 2)
	if !errors.Is(err, ErrOneQueue) || !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "multi_queue") {
		t.Errorf("two queues of a device of one: %v, want ErrOneQueue and EINVAL", err)
	}
	for _, n := range []int{0, 1, 2, 16} {
		if err := openQueues(t, "tunmany", n); err != nil {
			t.Errorf("%d queues of a device of many: %v", n, err)
		}
	}
	if err := openQueues(t, "lo", 2); !errors.Is(err, syscall.EINVAL) || errors.Is(err, ErrOneQueue) {
		t.Errorf("two queues of lo: %v, want EINVAL", err)
	}
}

// Nobody gets a queue of a device that is another's, and a share of its flows: not even with
// the right to it.
func TestTUNQueuesInUse(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	dev := openTUN(t, TUNConfig{Name: "tuntest4", Queues: 2})
	nstest.Up(t, dev.Name(), hostNet)
	for _, n := range []int{1, 2} {
		if err := openQueues(t, "tuntest4", n); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("%d queues of a device in use: %v, want EBUSY", n, err)
		}
	}
	came := readQueues(dev)
	c := hostSocket(t)
	send(t, c, 1)
	came.next(t) // its owner gets what is sent as before
}

func TestOpenTUNQueuesRange(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, 257} {
		dev, err := OpenTUN(TUNConfig{Queues: n})
		if err == nil {
			dev.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "Queues") || !strings.Contains(err.Error(), "1 to 256") {
			t.Errorf("%d queues: %v", n, err)
		}
	}
	if !nstest.Isolated(t) {
		return
	}
	if err := openQueues(t, "tuntest5", 256); err != nil {
		t.Errorf("256 queues: %v", err)
	}
}

// Close ends the wait on all queues, also when a device was deleted.
func TestTUNQueuesClose(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	for _, deleted := range []bool{false, true} {
		dev := openTUN(t, TUNConfig{Queues: 3})
		nstest.Up(t, dev.Name(), netip.Prefix{})
		ended := make(chan error)
		for _, q := range dev.Queues() {
			go func() {
				buf := make([]byte, dev.MaxRead())
				for {
					if _, _, err := q.Read(buf, true); err != nil {
						ended <- err
						return
					}
				}
			}()
		}
		want := ErrClosed
		if deleted {
			want = syscall.ENODEV
			l, err := netlink.LinkByName(dev.Name())
			if err != nil {
				t.Fatal(err)
			}
			if err := netlink.LinkDel(l); err != nil {
				t.Fatal(err)
			}
		} else if err := dev.Close(); err != nil {
			t.Error(err)
		}
		for range 3 {
			if err := <-ended; !errors.Is(err, want) {
				t.Errorf("Read: %v, want %v", err, want)
			}
		}
	}
}
