package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Priorities in real time (sched(7)), before all that is not: a run over a bad wire
// is to be as on an idle machine. The wire, whose goroutines are the driver's, is not to
// wait for a CPU that a server or a client has, either.
const (
	endPriority  = 1 + iota // of servers and clients
	wirePriority            // of the driver
)

// realTime gives this process's threads a priority; those to come inherit it, as
// do processes.
func realTime(priority uint32) error {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: priority}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetAttr(id, &attr, 0); err != nil && err != unix.ESRCH {
			return os.NewSyscallError("sched_setattr", err)
		}
	}
	return nil
}

// behindWire puts a process that the driver has started behind the wire, if that is
// in real time.
func behindWire() error {
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return os.NewSyscallError("sched_getattr", err)
	}
	if attr.Policy != unix.SCHED_RR {
		return nil
	}
	return realTime(endPriority)
}
