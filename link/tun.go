package link

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// MTUs that a TUN device takes, in bytes: the smallest is what every IPv4 link
// must carry (RFC 791 3.2), the largest what the length field can say.
const (
	minMTU = 68
	maxMTU = 65535
)

// TUNConfig says which TUN device to open. Its zero value makes a new one, named
// by the kernel, of its default MTU.
type TUNConfig struct {
	// Name of the interface, 15 bytes at most. It is made if it does not exist.
	// Empty: the kernel's choice, tun0 or the next that is free.
	Name string
	// MTU in bytes, 68 to 65535, to set on the interface. 0: as it is, 1500 for a
	// new one. Setting another than the interface has needs CAP_NET_ADMIN.
	MTU int
	// NoOffload leaves the offloads off: each packet is read and written as it is
	// on a wire.
	NoOffload bool
	// Queues is how many queues the device has, 1 to 256: see [MultiQueue]. 0: one. With
	// more, the interface is made with multi_queue, and one that exists must have been; with
	// one, either will do.
	Queues int
	// BusyPoll is how long a read looks for packets before it waits for them, at most 1 ms, as
	// Linux's SO_BUSY_POLL has a socket do. While packets come at longer intervals, only one wait in 64 is
	// preceded by that; while they come at shorter ones it takes a processor whole. 0: DefaultBusyPoll.
	// Negative: not at all.
	BusyPoll time.Duration
}

// DefaultBusyPoll is how long a TUN device's read looks for packets: for as long as a peer on the same host
// may take to wake and to answer.
const DefaultBusyPoll = 100 * time.Microsecond

const maxBusyPoll = time.Millisecond

// maxDefaultQueues bounds DefaultQueues: what more than two CPUs gain has not been measured.
const maxDefaultQueues = 4

// DefaultQueues is how many queues `tinystack up` gives its device: one for each CPU that the
// program may use, 4 at most. Four queues on two CPUs gained nothing.
func DefaultQueues() int { return min(runtime.GOMAXPROCS(0), maxDefaultQueues) }

// ErrOneQueue is why more than one queue of an interface can't be had that was made
// without multi_queue.
var ErrOneQueue = errors.New("the interface was made without multi_queue, and has one queue")

// TUNStats are a TUN device's counters.
type TUNStats struct {
	// BadHeader counts packets read and dropped whose virtio_net_hdr did not fit
	// them or was of a kind not asked for.
	BadHeader uint64
}

func checkName(name string) error {
	const longest = 15 // what IFNAMSIZ leaves, on Linux and macOS
	if len(name) > longest {
		return fmt.Errorf("link: Name %q: must be at most %d bytes", name, longest)
	}
	return nil
}

func checkQueues(n int) error {
	if n < 0 || n > MaxQueues {
		return fmt.Errorf("link: Queues %d: must be 1 to %d, or 0 for 1", n, MaxQueues)
	}
	return nil
}

func checkBusyPoll(d time.Duration) error {
	if d > maxBusyPoll {
		return fmt.Errorf("link: BusyPoll %v: must be at most %v, 0 for %v, or negative for none", d, maxBusyPoll, DefaultBusyPoll)
	}
	return nil
}

func checkMTU(mtu int) error {
	if mtu != 0 && (mtu < minMTU || mtu > maxMTU) {
		return fmt.Errorf("link: MTU %d: must be %d to %d, or 0 to leave it", mtu, minMTU, maxMTU)
	}
	return nil
}
