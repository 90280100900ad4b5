package link

import (
	"testing"
	"time"
)

// Polls that find nothing become rare; one that does brings them back.
func TestBusyPollBacksOff(t *testing.T) {
	t.Parallel()
	p := busyPoll{limit: DefaultBusyPoll}
	for _, want := range []int{0, 1, 3, 7, 15, 31, 63, 63} {
		if n := waitsUntilPoll(t, &p); n != want {
			t.Errorf("%d waits without a poll, want %d", n, want)
		}
		p.miss()
	}
	waitsUntilPoll(t, &p)
	p.hit()
	if n := waitsUntilPoll(t, &p); n != 0 {
		t.Errorf("after a hit %d waits without a poll", n)
	}
	p.miss()
	if n := waitsUntilPoll(t, &p); n != 1 {
		t.Errorf("after a hit and a miss %d waits without a poll, want 1", n)
	}
}

func waitsUntilPoll(t *testing.T, p *busyPoll) (n int) {
	t.Helper()
	for !p.begin() {
		if n++; n > 1000 {
			t.Fatal("no poll for 1000 waits")
		}
	}
	return n
}

// A device can do without.
func TestBusyPollOff(t *testing.T) {
	t.Parallel()
	p := busyPoll{limit: -1}
	for range 200 {
		if p.begin() {
			t.Fatal("polls, with a negative BusyPoll")
		}
	}
}

func TestOpenTUNBusyPollRange(t *testing.T) {
	t.Parallel()
	_, err := OpenTUN(TUNConfig{BusyPoll: time.Millisecond + 1})
	const want = "link: BusyPoll 1.000001ms: must be at most 1ms, 0 for 40µs, or negative for none"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
