package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
)

// beIdle reads numbers, opens connections until it has so many, and says so. It
// holds them until in ends.
func beIdle(in io.Reader, out io.Writer) error {
	var conns []net.Conn
	orders := bufio.NewScanner(in)
	for orders.Scan() {
		n, err := strconv.Atoi(orders.Text())
		if err != nil {
			return err
		}
		more, err := openIdle(n - len(conns))
		if err != nil {
			return fmt.Errorf("opening %d idle connections: %w", n, err)
		}
		conns = append(conns, more...)
		fmt.Fprintln(out, len(conns))
	}
	for _, c := range conns {
		c.Close()
	}
	return orders.Err()
}

// openIdle opens n connections, some at a time.
func openIdle(n int) ([]net.Conn, error) {
	const atATime = 32
	var (
		wg    sync.WaitGroup
		conns = make([]net.Conn, n)
		errs  = make([]error, atATime)
	)
	for i := range atATime {
		wg.Go(func() {
			for j := i; j < n && errs[i] == nil; j += atATime {
				conns[j], errs[i] = dial(idlePort)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return conns, nil
}
