package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// running is a peer that is up: its namespaces and its server.
type running struct {
	peer   peer
	client *namespace
	server *namespace // the client's own, but over veth
	proc   *process
}

// start brings a peer up.
func start(ctx context.Context, p peer) (_ *running, err error) {
	r := &running{peer: p}
	defer func() {
		if err != nil {
			r.stop()
			err = fmt.Errorf("%s: %w", p.name, err)
		}
	}()
	if r.client, err = newNamespace(); err != nil {
		return nil, err
	}
	r.server = r.client
	if p.veth {
		if r.server, err = newNamespace(); err != nil {
			return nil, err
		}
		if err = makeVeth(r.client, r.server); err != nil {
			return nil, err
		}
	}
	r.proc, err = startServer(ctx, r.server, "serve", p.name)
	return r, err
}

// startServer starts a server, which says that it is ready.
func startServer(ctx context.Context, n *namespace, args ...string) (*process, error) {
	proc, err := startProcess(ctx, n, args...)
	if err != nil {
		return nil, err
	}
	if answer, err := proc.answer(); err != nil || answer != "ready" {
		proc.stop()
		return nil, fmt.Errorf("its server did not start: %w", err)
	}
	return proc, nil
}

// stop ends the server and lets go of the namespaces.
func (r *running) stop() {
	if r.proc != nil {
		r.proc.stop()
	}
	if r.server != nil && r.server != r.client {
		r.server.close()
	}
	if r.client != nil {
		r.client.close()
	}
}

// measure runs a client.
func (r *running) measure(ctx context.Context, l load) (sample, error) {
	l.Server = r.proc.cmd.Process.Pid
	out, err := output(ctx, r.client, self(), l.args()...)
	if err != nil {
		return sample{}, err
	}
	var s sample
	return s, json.Unmarshal(out, &s)
}

// output runs a program in a namespace to its end.
func output(ctx context.Context, n *namespace, name string, args ...string) ([]byte, error) {
	var out, complaint strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := n.do(cmd.Start); err != nil {
		return nil, err
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
	}
	return []byte(out.String()), nil
}

// self is this very program.
func self() string {
	const link = "/proc/self/exe"
	if name, err := os.Readlink(link); err == nil {
		return name
	}
	return link
}

// process is one of our own that takes orders, a line each.
type process struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Scanner
}

func startProcess(ctx context.Context, n *namespace, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, self(), args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.do(cmd.Start); err != nil {
		return nil, err
	}
	return &process{cmd: cmd, in: in, answers: bufio.NewScanner(out)}, nil
}

// order has the process do something and returns its answer.
func (p *process) order(what string) (string, error) {
	if _, err := fmt.Fprintln(p.in, what); err != nil {
		return "", err
	}
	return p.answer()
}

func (p *process) answer() (string, error) {
	if !p.answers.Scan() {
		return "", errors.Join(p.answers.Err(), fmt.Errorf("%s ended", strings.Join(p.cmd.Args[1:], " ")))
	}
	return p.answers.Text(), nil
}

// orderNumber is order for an answer that is a number.
func (p *process) orderNumber(what string) (int, error) {
	answer, err := p.order(what)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(answer)
}

// stop ends the process: its input ends, and if it does not follow, it is killed.
func (p *process) stop() {
	p.in.Close()
	kill := time.AfterFunc(2*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_ = p.cmd.Wait()
}
