package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"time"
)

// load is what a client is to do.
type load struct {
	Kind   string        // "down", "up", "echo" or "connect"; "idle" has its own rules
	Conns  int           // at a time
	Warm   time.Duration // before what is measured
	Time   time.Duration // that is measured
	Server int           // the server's process
}

// args are the client's arguments for a load; parseLoad is the other way.
func (l load) args() []string {
	return []string{
		"client", "-conns", fmt.Sprint(l.Conns), "-warm", l.Warm.String(), "-time", l.Time.String(),
		"-server", fmt.Sprint(l.Server), l.Kind,
	}
}

func parseLoad(args []string) (load, error) {
	var l load
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	flags.IntVar(&l.Conns, "conns", 1, "connections at a time")
	flags.DurationVar(&l.Warm, "warm", 0, "`time` before what is measured")
	flags.DurationVar(&l.Time, "time", time.Second, "`time` that is measured")
	flags.IntVar(&l.Server, "server", 0, "the server's `process`")
	if err := flags.Parse(args); err != nil {
		return l, err
	}
	l.Kind = flags.Arg(0)
	return l, nil
}

// sample is what a client measured.
type sample struct {
	Seconds   float64
	Count     float64 // of bytes, echoes or connections
	P50, P99  float64 // seconds for an echo
	ServerCPU float64 // seconds of CPU time, see cpuTime
	AllCPU    float64
}

// rate is the count in a second.
func (s sample) rate() float64 { return s.Count / s.Seconds }

// client is a client's process: it prints its sample as JSON.
func client(args []string, in io.Reader, out io.Writer) error {
	if err := behindWire(); err != nil {
		return err
	}
	l, err := parseLoad(args)
	if err != nil {
		return err
	}
	if l.Kind == "idle" {
		return beIdle(in, out)
	}
	work, ok := works[l.Kind]
	if !ok {
		return fmt.Errorf("no load %q", l.Kind)
	}
	s, err := measure(l, work)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(s)
}

var works = map[string]work{
	"down":    download,
	"up":      upload,
	"echo":    echoes,
	"connect": connects,
}

// A client that is stuck this long has failed.
const patience = 10 * time.Second

func download(w *worker) error {
	return w.bulk(chargenPort, net.Conn.Read)
}

func upload(w *worker) error {
	return w.bulk(discardPort, net.Conn.Write)
}

// bulk moves bytes over a connection until the time is up.
func (w *worker) bulk(port uint16, move func(net.Conn, []byte) (int, error)) error {
	c, err := dial(port)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(w.deadline); err != nil {
		return err
	}
	b := make([]byte, bulkBuffer)
	for !w.over() {
		n, err := move(c, b)
		if err != nil {
			return err
		}
		w.count.Add(int64(n))
	}
	return nil
}

// echoes sends a byte and waits for it, again and again.
func echoes(w *worker) error {
	c, err := dial(echoPort)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(w.deadline); err != nil {
		return err
	}
	b := []byte{'x'}
	for !w.over() {
		start := time.Now()
		if err := echoOnce(c, b); err != nil {
			return err
		}
		w.took(time.Since(start))
	}
	return nil
}

func echoOnce(c net.Conn, b []byte) error {
	if _, err := c.Write(b); err != nil {
		return err
	}
	_, err := io.ReadFull(c, b)
	return err
}
