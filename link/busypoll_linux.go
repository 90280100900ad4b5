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
	packets int       // that came since the reader last found none
	misses  int       // polls in a row in which nothing came
	skip    int       // waits to come without a poll
	rest    time.Time // no poll before
}

const (
	// busyPollSelfish is how long a poll gives way to goroutines alone. Later it does to other programs,
	// too, for the one that is to send the packet may want this very processor.
	busyPollSelfish = 5 * time.Microsecond
	// busyPollFew is how many packets may have come for a poll to go on after that. More come from many
	// connections, which have a better use for the processor.
	busyPollFew = 2
	// maxBusyMisses bounds what polls that miss lead to: of 2^6 waits one has a poll.
	maxBusyMisses = 6
	// busyPollLost is how many times its limit a poll takes that lost the processor to another program,
	// and busyPollRest for how many times as long there is none then: it slows the device down by no more than that.
	busyPollLost, busyPollRest = 4, 100
)

// begin reports whether to poll before the wait that comes now.
func (p *busyPoll) begin(now time.Time) bool {
	if p.skip > 0 {
		p.skip--
		return false
	}
	return p.limit > 0 && !now.Before(p.rest)
}

// end follows a poll, in which a packet came or not.
func (p *busyPoll) end(now time.Time, took time.Duration, came bool) {
	if took > busyPollLost*p.limit {
		p.rest = now.Add(busyPollRest * took)
	}
	if came {
		p.misses = 0
		return
	}
	p.misses = min(p.misses+1, maxBusyMisses)
	p.skip = 1<<p.misses - 1
}

// poll looks for a packet before a wait. r.errno is EAGAIN still if none came.
func (r *readOp) poll(fd uintptr) {
	many := r.busy.packets > busyPollFew
	r.busy.packets = 0
	start := time.Now()
	if !r.busy.begin(start) {
		return
	}
	for past := time.Duration(0); past < r.busy.limit && r.errno == syscall.EAGAIN; past = time.Since(start) {
		if past >= busyPollSelfish {
			if many {
				return
			}
			_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
		runtime.Gosched()
		r.call(quickCall, fd)
	}
	now := time.Now()
	r.busy.end(now, now.Sub(start), r.errno != syscall.EAGAIN)
}
