package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is CPU time used, user's and system's together.
type cpuTime struct {
	server time.Duration // by the server's process
	all    time.Duration // by it, this process and the threads ksoftirqd/N
}

func (c cpuTime) sub(d cpuTime) cpuTime { return cpuTime{c.server - d.server, c.all - d.all} }

// cpuMeter reads the CPU time of a server and of all that works for the transfer.
type cpuMeter struct {
	server  int
	softirq []string // the threads' schedstat files
}

func newCPUMeter(server int) cpuMeter {
	m := cpuMeter{server: server}
	names, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, name := range names {
		if comm, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(comm), "ksoftirqd/") {
			m.softirq = append(m.softirq, filepath.Join(filepath.Dir(name), "schedstat"))
		}
	}
	return m
}

func (m cpuMeter) read() (cpuTime, error) {
	server, err := clock(^m.server<<3 | 2) // the clock of a process, as clock_getcpuclockid(3) makes it
	if err != nil {
		return cpuTime{}, err
	}
	self, err := clock(unix.CLOCK_PROCESS_CPUTIME_ID)
	if err != nil {
		return cpuTime{}, err
	}
	return cpuTime{server: server, all: server + self + m.readSoftirq()}, nil
}

func clock(id int) (time.Duration, error) {
	var t unix.Timespec
	err := unix.ClockGettime(int32(id), &t)
	return time.Duration(t.Nano()), err
}

func (m cpuMeter) readSoftirq() (sum time.Duration) {
	for _, name := range m.softirq {
		b, err := os.ReadFile(name)
		if fields := strings.Fields(string(b)); err == nil && len(fields) > 0 {
			ns, _ := strconv.ParseInt(fields[0], 10, 64) // sched-stats: time on the CPU, in ns
			sum += time.Duration(ns)
		}
	}
	return sum
}
