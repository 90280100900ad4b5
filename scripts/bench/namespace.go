package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// namespace is a network namespace without a name: it ends, and its devices with
// it, when it is closed and the last process in it has ended.
type namespace struct {
	jobs chan func()
	file *os.File
}

// newNamespace makes a namespace with a thread in it.
func newNamespace() (*namespace, error) {
	n := &namespace{jobs: make(chan func())}
	made := make(chan error)
	go n.thread(made)
	if err := <-made; err != nil {
		return nil, fmt.Errorf("a new network namespace (needs root): %w", err)
	}
	err := n.do(func() error { return setSysctls(clientSysctls) })
	if err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

// thread does the namespace's jobs. It never unlocks its thread, which the
// runtime therefore ends with the goroutine.
func (n *namespace) thread(made chan<- error) {
	runtime.LockOSThread()
	err := unix.Unshare(unix.CLONE_NEWNET)
	if err == nil {
		n.file, err = os.Open("/proc/thread-self/ns/net")
	}
	made <- err
	if err != nil {
		return
	}
	for job := range n.jobs {
		job()
	}
}

// do runs f on the namespace's thread; a process that f starts is in the namespace too.
func (n *namespace) do(f func() error) error {
	done := make(chan error)
	n.jobs <- func() { done <- f() }
	return <-done
}

func (n *namespace) close() {
	close(n.jobs)
	n.file.Close()
}

// clientSysctls let a client open thousands of connections a second: otherwise
// TIME-WAIT soon holds all its ports.
var clientSysctls = map[string]string{
	"net.ipv4.tcp_tw_reuse":        "1",
	"net.ipv4.ip_local_port_range": "1024 65535",
	"net.core.somaxconn":           "4096",
}

// setSysctls sets them in the calling thread's namespace.
func setSysctls(values map[string]string) error {
	for name, value := range values {
		path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
		if err := os.WriteFile(path, []byte(value), 0); err != nil {
			return err
		}
	}
	return nil
}
