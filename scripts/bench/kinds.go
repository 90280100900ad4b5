package main

import (
	"slices"
	"strings"
)

// kind is what CPU time was spent on.
type kind int

const (
	sending     kind = iota // system calls that send: the kernel's part of the way to the client
	receiving               // system calls that receive
	scheduling              // Go's scheduler and poller, with the threads they put to sleep and wake
	copying                 // data between buffers of the process
	allocating              // memory and its collection
	stacking                // the code of the stack in user space
	application             // what uses it: the servers, net/http
	numKinds
)

func (k kind) String() string {
	return [numKinds]string{"send", "receive", "scheduler", "copies", "memory", "stack", "application"}[k]
}

// The functions by which a stack's frames are told apart; a name matches by its beginning.
var (
	systemCalls = []string{"internal/runtime/syscall", "syscall.", "golang.org/x/sys/unix.", "gvisor.dev/gvisor/pkg/rawfile."}
	senders     = []string{
		"github.com/tinystack/tinystack/link.(*TUN).Write",
		"gvisor.dev/gvisor/pkg/rawfile.NonBlockingWrite", "gvisor.dev/gvisor/pkg/rawfile.NonBlockingSendMMsg",
		"gvisor.dev/gvisor/pkg/tcpip/link/fdbased.(*endpoint).WritePackets",
		"internal/poll.(*FD).Write",
	}
	receivers = []string{
		"github.com/tinystack/tinystack/link.(*readOp).do",
		"gvisor.dev/gvisor/pkg/rawfile.BlockingRead", "gvisor.dev/gvisor/pkg/rawfile.BlockingRecvMMsg",
		"gvisor.dev/gvisor/pkg/tcpip/link/fdbased.(*endpoint).dispatchLoop",
		"internal/poll.(*FD).Read",
	}
	schedulers = []string{
		"runtime.mcall", "runtime.park_m", "runtime.schedule", "runtime.ready", "runtime.goready", "runtime.wakep",
		"runtime.mstart", "runtime.sysmon", "runtime.netpoll", "runtime.gopark", "runtime.goschedImpl",
		"runtime.entersyscall", "runtime.exitsyscall", "runtime.newproc", "internal/runtime/syscall/linux.EpollWait",
		"runtime.semacquire", "runtime.semrelease",
	}
	collectors = []string{"runtime.gc", "runtime.bgsweep", "runtime.bgscavenge", "runtime.malloc", "runtime.newobject", "runtime.makeslice", "runtime.growslice"}
	copiers    = []string{"runtime.memmove"}
	stacks     = []string{"github.com/tinystack/tinystack/", "gvisor.dev/gvisor/"}
	// Of the kernel's server there is no stack but the runtime's side of its sockets, which counts as the application's.
	applications = []string{"main.", "net.", "net/http.", "bufio.", "github.com/tinystack/tinystack/scripts/"}
)

// kindOf tells what a sample with these frames, the innermost first, was spent on.
func kindOf(frames []string) kind {
	inner := ""
	if len(frames) > 0 {
		inner = frames[0]
	}
	switch {
	case is(inner, systemCalls) && has(frames, senders):
		return sending
	case is(inner, systemCalls) && has(frames, receivers):
		return receiving
	case has(frames, collectors):
		return allocating
	case is(inner, copiers):
		return copying
	}
	for _, f := range frames {
		switch {
		case is(f, schedulers), is(f, systemCalls):
			return scheduling
		case is(f, applications):
			return application
		case is(f, stacks):
			return stacking
		}
	}
	return scheduling // the runtime's own
}

// has reports whether one of frames is one of functions.
func has(frames, functions []string) bool {
	return slices.ContainsFunc(frames, func(f string) bool { return is(f, functions) })
}

// is reports whether a function's name begins like one of those.
func is(name string, functions []string) bool {
	return slices.ContainsFunc(functions, func(f string) bool { return strings.HasPrefix(name, f) })
}
