package link

import (
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A busyPoll is what a read does before it waits: it looks for a packet again and again for a while. Whoever is near
// answers in less time than it takes to put a thread to sleep and to wake it, which costs both ends.
type busyPoll struct {
	limit   time.Duration
	packets int // that came since the last wait, or since a poll that stands for one
	misses  int // polls in a row in which nothing came
	skip    int // waits to come without a poll
}

const (
	// busyPollSelfish is how long a poll gives way to goroutines alone. Later it does to other programs,
	// too, for the one that is to send the packet may want this very processor.
	busyPollSelfish = 5 * time.Microsecond
	// busyPollFew is after how many packets a poll goes on for that long. When more came there are many
	// connections, which have a better use for the processor.
	busyPollFew = 2
	// maxBusyMisses bounds for how long polls that miss are remembered: of 2^6 waits one has a poll.
	maxBusyMisses = 6
)

// begin reports whether to poll before the wait that comes now.
func (p *busyPoll) begin() bool {
	if p.limit <= 0 {
		return false
	}
	if p.skip == 0 {
		return true
	}
	p.skip--
	p.packets = 0
	return false
}

// hit follows a poll in which a packet came.
func (p *busyPoll) hit() { p.packets, p.misses = 1, 0 }

// miss follows one in which none came. Each in a row doubles the waits until the next poll, so that
// who has nothing near pays next to nothing.
func (p *busyPoll) miss() {
	p.packets = 0
	p.misses = min(p.misses+1, maxBusyMisses)
	p.skip = 1<<p.misses - 1
}

// poll looks for a packet before a wait. r.errno is EAGAIN still if none came.
func (r *readOp) poll(fd uintptr) {
	if !r.busy.begin() {
		return
	}
	start := time.Now()
	for past := time.Duration(0); past < r.busy.limit; past = time.Since(start) {
		runtime.Gosched()
		if past >= busyPollSelfish {
			if r.busy.packets > busyPollFew {
				break
			}
			_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
		if r.call(quickCall, fd); r.errno != syscall.EAGAIN {
			r.busy.hit()
			return
		}
	}
	r.busy.miss()
}
