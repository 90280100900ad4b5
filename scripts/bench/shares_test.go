package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

// A sample counts for the innermost frame that says what it is.
func TestKindOf(t *testing.T) {
	t.Parallel()
	const ours = "github.com/tinystack/tinystack/"
	for _, c := range []struct {
		name   string
		frames []string
		want   kind
	}{
		{"a packet written", []string{"internal/runtime/syscall/linux.Syscall6", "syscall.RawSyscall6", ours + "link.iovCall", ours + "link.(*TUN).Write", ours + "tcp.(*Conn).Write"}, sending},
		{"a packet read", []string{"internal/runtime/syscall/linux.Syscall6", ours + "link.(*readOp).do", ours + "stack.(*Interface).pump"}, receiving},
		{"the kernel's socket", []string{"internal/runtime/syscall/linux.Syscall6", "syscall.write", "internal/poll.(*FD).Write", "net.(*conn).Write", "main.echo"}, sending},
		{"the poller", []string{"internal/runtime/syscall/linux.Syscall6", "internal/runtime/syscall/linux.EpollWait", "runtime.netpoll", "runtime.findRunnable"}, scheduling},
		{"a goroutine woken", []string{"runtime.futex", "runtime.futexwakeup", "runtime.wakep", "runtime.ready", "sync.(*Cond).Signal", ours + "tcp.(*Conn).receive"}, scheduling},
		{"data copied", []string{"runtime.memmove", ours + "tcp.(*ring).write", ours + "tcp.(*Conn).Write"}, copying},
		{"a copy of the collector's", []string{"runtime.memmove", "runtime.mallocgc", "net/http.(*conn).serve"}, allocating},
		{"the stack", []string{ours + "tcp.(*tcb).receive", ours + "tcp.(*Conn).receive"}, stacking},
		{"a lock of the stack's", []string{"internal/sync.(*Mutex).Lock", ours + "tcp.(*Conn).receive"}, stacking},
		{"gVisor", []string{"gvisor.dev/gvisor/pkg/tcpip/stack.(*Stack).FindRoute"}, stacking},
		{"the server", []string{"strconv.Itoa", "net/http.(*conn).serve"}, application},
		{"this module", []string{"main.(*services).echo", ours + "tcp.(*Conn).Read"}, application},
		{"the runtime alone", []string{"runtime.memclrNoHeapPointers"}, scheduling},
		{"nothing", nil, scheduling},
	} {
		if got := kindOf(c.frames); got != c.want {
			t.Errorf("%s is %v, want %v", c.name, got, c.want)
		}
	}
}

// writeProfile writes a profile of 2 s, in which a server spent so many ms in each function.
func writeProfile(t *testing.T, name string, spent map[string]int64) {
	t.Helper()
	p := &profile.Profile{
		SampleType:    []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		DurationNanos: int64(2 * time.Second),
	}
	for function, ms := range spent {
		id := uint64(len(p.Function) + 1)
		f := &profile.Function{ID: id, Name: function}
		l := &profile.Location{ID: id, Line: []profile.Line{{Function: f}}}
		p.Function, p.Location = append(p.Function, f), append(p.Location, l)
		p.Sample = append(p.Sample, &profile.Sample{Location: []*profile.Location{l}, Value: []int64{ms / 10, ms * 1e6}})
	}
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := p.Write(file); err != nil {
		t.Fatal(err)
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeProfile(t, filepath.Join(dir, "kernel-down1.pprof"), map[string]int64{"main.chargen": 500})
	writeProfile(t, filepath.Join(dir, "tinystack-down1.pprof"), map[string]int64{"runtime.memmove": 300, "runtime.schedule": 900})
	var b bytes.Buffer
	if err := run(t.Context(), []string{"shares", "-md", dir}, nil, &b); err != nil {
		t.Fatal(err)
	}
	const want = `| measure | server | CPUs | send | receive | scheduler | copies | memory | stack | application |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|
| down, 1 connection | tinystack | 0.60 | 0 % | 0 % | 75 % | 25 % | 0 % | 0 % | 0 % |
| down, 1 connection | kernel | 0.25 | 0 % | 0 % | 0 % | 0 % | 0 % | 0 % | 100 % |
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSharesRefuses(t *testing.T) {
	t.Parallel()
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "tinystack-up1.pprof"), []byte("no profile"), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"one directory": {},
		"no profile":    {t.TempDir()},
		"up1.pprof":     {broken},
	} {
		err := showShares(args, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("shares %v: %v, want an error of %q", args, err, name)
		}
	}
}
