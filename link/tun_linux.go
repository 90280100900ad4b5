package link

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
)

// TUN is a Linux TUN device: the host's kernel is at the other end.
type TUN struct {
	stats    TUNStats // first, which aligns it on 32-bit machines
	name     string
	mtu      int
	maxRead  int
	vnet     bool // a virtio_net_hdr precedes each packet
	features packet.Features

	queues []*tunQueue
	closed atomic.Bool
	writes sync.Pool // of *writeOp
}

var (
	_ Device     = (*TUN)(nil)
	_ MultiQueue = (*TUN)(nil)
)

// tunQueue is one of a device's descriptors.
type tunQueue struct {
	tun  *TUN
	file *os.File
	raw  syscall.RawConn
	read readOp
}

// OpenTUN opens a TUN device, with the offloads that the kernel has. It does not
// set it up, nor give it an address.
//
// Where it fails, errors.As tells at which step, and errors.Is why. Opening
// /dev/net/tun gives an *os.PathError: of [syscall.ENOENT] or [syscall.ENODEV] if the
// system has no TUN driver, [syscall.EACCES] or [syscall.EPERM] if the file may not be
// opened. Taking the interface gives an *os.SyscallError of "TUNSETIFF":
// [syscall.EPERM] without CAP_NET_ADMIN (and not the owner of a persistent device),
// [syscall.EBUSY] if another program has it, or a queue of it, [syscall.EINVAL] if it is not a
// TUN device; that is [ErrOneQueue] besides if it is one that can't have so many queues.
func OpenTUN(cfg TUNConfig) (*TUN, error) {
	if err := checkName(cfg.Name); err != nil {
		return nil, err
	}
	if err := checkMTU(cfg.MTU); err != nil {
		return nil, err
	}
	if err := checkQueues(cfg.Queues); err != nil {
		return nil, err
	}
	if err := checkBusyPoll(cfg.BusyPoll); err != nil {
		return nil, err
	}
	t := &TUN{}
	if err := t.open(cfg); err != nil {
		return nil, err
	}
	return t, nil
}

// open opens a descriptor for each queue of cfg and makes them the device.
func (t *TUN) open(cfg TUNConfig) error {
	fds := make([]int, 0, MaxQueues)
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	const path = "/dev/net/tun"
	for range max(cfg.Queues, 1) {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("link: %w", &os.PathError{Op: "open", Path: path, Err: err})
		}
		fds = append(fds, fd)
	}
	if err := t.attach(fds, cfg); err != nil {
		return fmt.Errorf("link: TUN device %q: %w", cfg.Name, err)
	}
	owned := fds
	fds = nil // the files that poll makes close them
	return t.poll(owned, cmp.Or(cfg.BusyPoll, DefaultBusyPoll))
}

// attach makes fds the TUN device of cfg, a queue each.
func (t *TUN) attach(fds []int, cfg TUNConfig) (err error) {
	t.vnet = !cfg.NoOffload && hasVnetHeader(fds[0])
	if t.name, err = setInterfaces(fds, cfg.Name, t.vnet); err != nil {
		return err
	}
	if t.mtu, err = setMTU(t.name, cfg.MTU); err != nil {
		return err
	}
	t.maxRead = t.mtu
	return t.setOffloads(fds[0]) // of the device, whichever queue it is told by
}

// poll hands the descriptors, which must be interfaces by now, to the runtime's poller:
// before, it would see an error. If it fails, all are closed.
func (t *TUN) poll(fds []int, busy time.Duration) error {
	t.writes.New = func() any { return newWriteOp(t.vnet) }
	for _, fd := range fds {
		t.queues = append(t.queues, &tunQueue{tun: t, file: os.NewFile(uintptr(fd), t.name)})
	}
	for _, q := range t.queues {
		q.read.init(t.vnet, busy)
		raw, err := q.file.SyscallConn()
		if err != nil {
			return errors.Join(err, t.Close())
		}
		q.raw = raw
	}
	return nil
}

// hasVnetHeader reports whether the driver knows IFF_VNET_HDR. One that can't
// say what it knows does not.
func hasVnetHeader(fd int) bool {
	flags, err := unix.IoctlGetUint32(fd, unix.TUNGETFEATURES)
	return err == nil && flags&unix.IFF_VNET_HDR != 0
}

// offloads are what the kernel may leave undone in the packets it gives us, most
// first: kernels before 6.2 don't know USO, which is for both IP versions or
// none. Each is refused whole with EINVAL.
var offloads = []struct {
	flags    int
	merges   bool
	features packet.Features
}{
	{unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO_ECN | unix.TUN_F_USO4 | unix.TUN_F_USO6, true, packet.TxChecksum | packet.TSO | packet.USO},
	{unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO_ECN, true, packet.TxChecksum | packet.TSO},
	{unix.TUN_F_CSUM | unix.TUN_F_TSO4, true, packet.TxChecksum | packet.TSO},
	{unix.TUN_F_CSUM, false, packet.TxChecksum | packet.TSO},
	// What is written needs no leave: a header may ask for either.
	{0, false, packet.TxChecksum | packet.TSO},
}

// setOffloads asks for as many offloads as the kernel grants, or none. A
// persistent device may have been left with any, and any size of header.
func (t *TUN) setOffloads(fd int) error {
	if !t.vnet {
		_ = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, 0) // a driver without offloads may refuse it
		return nil
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, vnetLen); err != nil {
		return os.NewSyscallError("TUNSETVNETHDRSZ", err)
	}
	features, merges, err := negotiate(func(flags int) error {
		return unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, flags)
	})
	if err != nil {
		return os.NewSyscallError("TUNSETOFFLOAD", err)
	}
	t.features = features
	if merges {
		t.maxRead = packet.MaxSize
	}
	return nil
}

// negotiate sets the first of offloads that the kernel takes.
func negotiate(set func(flags int) error) (f packet.Features, merges bool, err error) {
	for _, o := range offloads {
		if err = set(o.flags); err == nil {
			return o.features, o.merges, nil
		}
	}
	return 0, false, err
}

// Name returns the interface's name.
func (t *TUN) Name() string { return t.name }

// MTU returns the interface's MTU as it was when the device was opened.
func (t *TUN) MTU() int { return t.mtu }

// Features returns the offloads that the kernel has.
func (t *TUN) Features() packet.Features { return t.features }

// MaxRead returns packet.MaxSize if the kernel merges segments, else the MTU.
func (t *TUN) MaxRead() int { return t.maxRead }

// Stats returns the counters.
func (t *TUN) Stats() TUNStats { return counter.Snapshot(&t.stats) }

// Queues returns the queues, as many as TUNConfig.Queues says. The kernel puts a flow's
// packets on the queue that the last one was written on which came the other way within
// three seconds or so, else on one that follows from addresses and ports.
func (t *TUN) Queues() []Queue {
	queues := make([]Queue, len(t.queues))
	for i, q := range t.queues {
		queues[i] = q
	}
	return queues
}

// Read returns the next packet that the host sends to the interface, of those on the
// first queue. Once somebody has deleted the interface it returns an error that is
// [syscall.ENODEV]. A packet longer than MaxRead, which there is only if the MTU
// was raised since, is cut.
func (t *TUN) Read(b []byte, wait bool) (int, packet.Offload, error) {
	return t.queues[0].Read(b, wait)
}

// Read returns the next packet on the queue, as TUN.Read does.
func (q *tunQueue) Read(b []byte, wait bool) (int, packet.Offload, error) {
	t := q.tun
	if len(b) < t.maxRead {
		return 0, packet.Offload{}, io.ErrShortBuffer
	}
	for {
		n, err := q.read.do(q.raw, b, wait)
		if err != nil {
			return 0, packet.Offload{}, t.readError(err)
		}
		if !t.vnet {
			return n, packet.Offload{}, nil
		}
		if o, ok := decodeVnet(&q.read.header, n); ok {
			return n, o, nil
		}
		counter.Inc(&t.stats.BadHeader)
	}
}

func (t *TUN) readError(err error) error {
	errno, ok := err.(syscall.Errno)
	switch {
	case t.closed.Load():
		return ErrClosed
	case errno == syscall.EAGAIN:
		return ErrWouldBlock
	case ok && errno != syscall.EBADFD:
		return fmt.Errorf("link: read from %s: %w", t.name, err)
	default: // EBADFD, or the poller has it that nothing will come
		return fmt.Errorf("link: %s was deleted: %w", t.name, syscall.ENODEV)
	}
}

// Write gives the host a packet, on the queue p.Queue. Writes from several goroutines go on
// at the same time: the kernel takes the packet up to the receiving socket before it returns,
// so that those of one goroutine stay in order, whichever queues they leave on.
func (t *TUN) Write(p *packet.Out) error {
	if err := check(p, t.mtu, t.features); err != nil {
		return err
	}
	w := t.writes.Get().(*writeOp)
	err := w.do(t.queues[int(p.Queue)%len(t.queues)].raw, p)
	t.writes.Put(w)
	if err == nil {
		return nil
	}
	return t.writeError(err)
}

func (t *TUN) writeError(err error) error {
	errno, ok := err.(syscall.Errno)
	switch {
	case t.closed.Load():
		return ErrClosed
	case errno == syscall.EIO: // what the driver says while the interface is down
		return syscall.ENETDOWN
	case ok && errno != syscall.EBADFD:
		return errno
	default:
		return syscall.ENODEV
	}
}

// Close closes the device. The interface goes with it, unless it is persistent.
func (t *TUN) Close() error {
	if t.closed.Swap(true) {
		return nil
	}
	errs := make([]error, len(t.queues))
	for i, q := range t.queues {
		errs[i] = q.file.Close()
	}
	return errors.Join(errs...)
}
