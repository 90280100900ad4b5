package link

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tinystack/tinystack/packet"
)

// A readOp is a readv on the device. It is made once: a closure and an iovec for
// each packet would be garbage.
type readOp struct {
	header [vnetLen]byte
	iov    [2]unix.Iovec
	first  int // 0, or 1 where no header precedes the packet
	wait   bool
	waited bool // the runtime's poller has been asked
	busy   busyPoll
	sysmon sysmonWaker
	n      int
	errno  syscall.Errno
	try    func(fd uintptr) bool
}

func (r *readOp) init(vnet bool, busy time.Duration) {
	r.busy.limit = busy
	r.iov[0].Base = &r.header[0]
	r.iov[0].SetLen(vnetLen)
	if !vnet {
		r.first = 1
	}
	r.try = r.readv
}

// do reads a packet into b, and its header into r.header. An error is an Errno,
// EAGAIN if there is no packet and it was not to wait, or the poller's.
func (r *readOp) do(raw syscall.RawConn, b []byte, wait bool) (int, error) {
	r.iov[1].Base = &b[0]
	r.iov[1].SetLen(len(b))
	r.wait, r.waited = wait, false
	err := raw.Read(r.try)
	r.iov[1].Base = nil
	if err != nil {
		return 0, err
	}
	if r.errno != 0 {
		return 0, r.errno
	}
	if r.first == 0 {
		return max(r.n-vnetLen, 0), nil
	}
	return r.n, nil
}

// readv returns false if it is to be called again when the device is readable.
func (r *readOp) readv(fd uintptr) bool {
	if r.waited && r.sysmon.due() {
		r.call(iovCall, fd)
	} else {
		r.call(quickCall, fd)
	}
	if r.errno == syscall.EAGAIN && r.wait && !r.waited {
		r.poll(fd)
	}
	if r.errno == 0 {
		r.busy.packets++
	}
	r.waited = r.wait && r.errno == syscall.EAGAIN
	return !r.waited
}

func (r *readOp) call(readv iovFunc, fd uintptr) {
	r.n, r.errno = readv(unix.SYS_READV, fd, r.iov[r.first:])
}

// A writeOp is a writev on the device, kept for the next packet.
type writeOp struct {
	header [vnetLen]byte
	iov    [4]unix.Iovec // the vnet header, the packet's head, its body's two pieces
	n      int           // used of iov
	size   int           // in bytes
	vnet   bool
	errno  syscall.Errno
	once   func(fd uintptr)
	try    func(fd uintptr) bool
}

func newWriteOp(vnet bool) *writeOp {
	w := &writeOp{vnet: vnet}
	w.once, w.try = w.writev, w.writevOrWait
	return w
}

// do writes p. Control, unlike Write, lets several goroutines in at a time; the
// poller is asked only in the rare case that there is no room.
func (w *writeOp) do(raw syscall.RawConn, p *packet.Out) error {
	w.fill(p)
	err := raw.Control(w.once)
	if err == nil && w.errno == syscall.EAGAIN {
		err = raw.Write(w.try)
	}
	clear(w.iov[:w.n]) // lets go of the sender's memory
	if err != nil {
		return err
	}
	if w.errno != 0 {
		return w.errno
	}
	return nil
}

func (w *writeOp) fill(p *packet.Out) {
	w.n, w.size = 0, p.Len()
	if w.vnet {
		encodeVnet(&w.header, p)
		w.add(w.header[:])
	}
	w.add(p.Head())
	w.add(p.Body[0])
	w.add(p.Body[1])
}

func (w *writeOp) add(b []byte) {
	if len(b) == 0 {
		return
	}
	w.iov[w.n].Base = &b[0]
	w.iov[w.n].SetLen(len(b))
	w.n++
}

func (w *writeOp) writev(fd uintptr) {
	call := quickCall
	if w.size > quickSize {
		call = iovCall
	}
	_, w.errno = call(unix.SYS_WRITEV, fd, w.iov[:w.n])
}

func (w *writeOp) writevOrWait(fd uintptr) bool {
	w.writev(fd)
	return w.errno != syscall.EAGAIN
}

// quickSize is the longest packet in bytes that is written in less time than it takes to tell
// Go's scheduler of the call.
const quickSize = 8 << 10

type iovFunc func(call, fd uintptr, iov []unix.Iovec) (int, syscall.Errno)

// iovCall is readv or writev without the slice of slices that unix.Readv would
// make an iovec of each time.
func iovCall(call, fd uintptr, iov []unix.Iovec) (int, syscall.Errno) {
	for {
		n, _, errno := unix.Syscall(call, fd, uintptr(unsafe.Pointer(&iov[0])), uintptr(len(iov)))
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

// quickCall is iovCall without telling Go's scheduler, for the descriptor does not
// block. A scheduler that is told wakes its monitor, and gives goroutines that were just
// made ready here to another thread: two threads more to wake for each packet.
func quickCall(call, fd uintptr, iov []unix.Iovec) (int, syscall.Errno) {
	for {
		n, _, errno := unix.RawSyscall(call, fd, uintptr(unsafe.Pointer(&iov[0])), uintptr(len(iov)))
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}
