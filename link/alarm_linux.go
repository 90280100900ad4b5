package link

import (
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// newAlarm returns an alarm of the precision that the device has use for. Before a TUN device
// it is a timer of the kernel's: while a Go program waits for its own timers and for
// descriptors, it does so in whole milliseconds, in which a wire of 100 Mbit/s
// carries eight packets.
func newAlarm(dev Device) alarm {
	if _, real := dev.(*TUN); real {
		if a, err := newFDAlarm(); err == nil {
			return a
		}
	}
	return newClockAlarm()
}

// grain is the least time that an fdAlarm waits: what is due within it comes in one go,
// as from a network card that moderates its interrupts. Each wait is costly, on a
// virtual machine most of all.
const grain = 100 * time.Microsecond

// fdAlarm is a timer of the kernel's (timerfd_create(2)), which the poller waits for
// as for a device.
type fdAlarm struct {
	file *os.File
	raw  syscall.RawConn
	read func(fd uintptr) bool

	mu   sync.Mutex
	rung bool
	set  func(fd uintptr)
	in   time.Duration // what set sets
}

func newFDAlarm() (*fdAlarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	a := &fdAlarm{file: os.NewFile(uintptr(fd), "timerfd")}
	if a.raw, err = a.file.SyscallConn(); err != nil {
		return nil, err
	}
	a.read = readTimer
	a.set = func(fd uintptr) {
		spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(a.in))}
		_ = unix.TimerfdSettime(int(fd), 0, &spec, nil) // fails only for a bad argument
	}
	return a, nil
}

// readTimer returns false if it is to be called again when the timer has expired.
func readTimer(fd uintptr) bool {
	var expirations [8]byte
	_, err := unix.Read(int(fd), expirations[:])
	return err != unix.EAGAIN
}

func (a *fdAlarm) wait(t time.Time) {
	a.mu.Lock()
	switch {
	case a.rung:
		a.rung = false
		a.mu.Unlock()
		return
	case t.IsZero():
		a.arm(0)
	default:
		a.arm(max(grain, time.Until(t)))
	}
	a.mu.Unlock()
	_ = a.raw.Read(a.read) // fails once it is closed
	a.mu.Lock()
	a.rung = false
	a.mu.Unlock()
}

func (a *fdAlarm) ring() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rung = true
	a.arm(1)
}

// arm has the timer expire after d; 0: never.
func (a *fdAlarm) arm(d time.Duration) {
	a.in = d
	_ = a.raw.Control(a.set) // fails once it is closed
}

func (a *fdAlarm) close() { a.file.Close() }
