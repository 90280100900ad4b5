package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
)

// serve is a server's process. It says "ready", then does what the driver asks
// for on in, a line an order and a line an answer, and ends when in does: no
// server outlives the driver.
//
//	resident       the resident memory in bytes, free memory returned
//	profile FILE   starts a CPU profile
//	stop           ends it
func serve(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("serve wants a peer's name")
	}
	p, err := findPeer(args[0])
	if err != nil {
		return err
	}
	listen, err := p.open()
	if err != nil {
		return err
	}
	if err := startServers(listen); err != nil {
		return err
	}
	return takeOrders(in, out, obey)
}

// takeOrders says "ready", then does what it is told and answers, until in ends.
func takeOrders(in io.Reader, out io.Writer, obey func(order string) (answer string, err error)) error {
	fmt.Fprintln(out, "ready")
	orders := bufio.NewScanner(in)
	for orders.Scan() {
		answer, err := obey(orders.Text())
		if err != nil {
			return err
		}
		fmt.Fprintln(out, answer)
	}
	return orders.Err()
}

func obey(order string) (answer string, err error) {
	what, arg, _ := strings.Cut(order, " ")
	switch what {
	case "resident":
		debug.FreeOSMemory()
		n, err := resident()
		return strconv.Itoa(n), err
	case "profile":
		f, err := os.Create(arg)
		if err != nil {
			return "", err
		}
		return "profiling", pprof.StartCPUProfile(f)
	case "stop":
		pprof.StopCPUProfile()
		return "stopped", nil
	}
	return "", fmt.Errorf("unknown order %q", order)
}

// resident returns this process's resident memory in bytes.
func resident() (int, error) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b)) // proc_pid_statm(5): size, resident, ...
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc/self/statm: %q", b)
	}
	pages, err := strconv.Atoi(fields[1])
	return pages * os.Getpagesize(), err
}
