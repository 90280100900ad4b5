package link

import (
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Polls that find nothing become rare; one that does brings them back.
func TestBusyPollBacksOff(t *testing.T) {
	t.Parallel()
	p, now := busyPoll{limit: DefaultBusyPoll}, time.Now()
	for _, want := range []int{0, 1, 3, 7, 15, 31, 63, 63} {
		if n := waitsUntilPoll(t, &p, now); n != want {
			t.Errorf("%d waits without a poll, want %d", n, want)
		}
		p.end(now, p.limit, false)
	}
	waitsUntilPoll(t, &p, now)
	p.end(now, p.limit, true)
	if n := waitsUntilPoll(t, &p, now); n != 0 {
		t.Errorf("after a hit %d waits without a poll", n)
	}
	p.end(now, p.limit, false)
	if n := waitsUntilPoll(t, &p, now); n != 1 {
		t.Errorf("after a hit and a miss %d waits without a poll, want 1", n)
	}
}

func waitsUntilPoll(t *testing.T, p *busyPoll, now time.Time) (n int) {
	t.Helper()
	for !p.begin(now) {
		if n++; n > 1000 {
			t.Fatal("no poll for 1000 waits")
		}
	}
	return n
}

// A poll that lost the processor to another program is not to be repeated soon, though a packet came meanwhile.
func TestBusyPollRests(t *testing.T) {
	t.Parallel()
	p, now := busyPoll{limit: DefaultBusyPoll}, time.Now()
	const slice = 4 * time.Millisecond
	p.end(now, slice, true)
	if p.begin(now.Add(busyPollRest*slice - 1)) {
		t.Error("polls again before a hundred times as long")
	}
	if !p.begin(now.Add(busyPollRest * slice)) {
		t.Error("does not poll again")
	}
}

// What comes during a poll is read by it; without, and with a negative limit, the read is to wait.
func TestReadPolls(t *testing.T) {
	t.Parallel()
	const long = 5 * time.Second // for a goroutine to write meanwhile
	for _, test := range []struct {
		name  string
		limit time.Duration
		write bool
		want  syscall.Errno
	}{
		{"a packet", long, true, 0},
		{"none", time.Microsecond, false, syscall.EAGAIN},
		{"off", -1, false, syscall.EAGAIN},
	} {
		r, from, to := readOfPipe(t, test.limit)
		if test.write {
			go unix.Write(to, []byte("packet"))
		}
		done := r.readv(from)
		if r.errno != test.want || done != (test.want == 0) || done && r.n != len("packet") {
			t.Errorf("%s: %d bytes, %v, done is %t", test.name, r.n, r.errno, done)
		}
	}
}

// After many packets a poll ends when it would give way to other programs.
func TestReadPollsBrieflyAfterMany(t *testing.T) {
	t.Parallel()
	r, from, _ := readOfPipe(t, time.Hour)
	r.busy.packets = busyPollFew + 1
	if r.readv(from) {
		t.Error("read something")
	}
}

// readOfPipe returns a read that is to wait, and the ends of a pipe to try it on.
func readOfPipe(t *testing.T, limit time.Duration) (r *readOp, from uintptr, to int) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(fds[0])
		unix.Close(fds[1])
	})
	r = &readOp{wait: true}
	r.init(false, limit)
	b := make([]byte, 100)
	r.iov[1].Base = &b[0]
	r.iov[1].SetLen(len(b))
	return r, uintptr(fds[0]), fds[1]
}

func TestOpenTUNBusyPollRange(t *testing.T) {
	t.Parallel()
	_, err := OpenTUN(TUNConfig{BusyPoll: time.Millisecond + 1})
	const want = "link: BusyPoll 1.000001ms: must be at most 1ms, 0 for 100µs, or negative for none"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
