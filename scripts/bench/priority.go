package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// realTime lets this process's threads go before all others that are not real-time.
// The wire, whose goroutines are the driver's, is not to wait for a CPU that a server,
// a client or somebody else has. Threads and processes to come inherit it.
func realTime() error {
	return schedule(unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1})
}

// ordinaryTime undoes it, in a process that the driver has started.
func ordinaryTime() error {
	return schedule(unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL})
}

func schedule(attr unix.SchedAttr) error {
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
