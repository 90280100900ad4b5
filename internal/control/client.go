package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
)

// Why there is no instance to talk to. The errors that [Dial] returns wrap one of
// these, and say the rest in a sentence.
var (
	ErrNone      = errors.New("no instance")
	ErrStale     = errors.New("the instance is gone")
	ErrAmbiguous = errors.New("several instances")
	ErrPrivilege = errors.New("another user's instance")
)

// dialError is an error with a sentence of its own.
type dialError struct {
	kind error
	says string
}

func (e *dialError) Error() string { return e.says }
func (e *dialError) Unwrap() error { return e.kind }

func failf(kind error, format string, args ...any) error {
	return &dialError{kind, fmt.Sprintf(format, args...)}
}

// Client talks to one instance.
type Client struct {
	device string
	http   http.Client
}

// Dial finds the instance on device dev or, where dev is "", the only one. One in
// this network namespace goes before those in others.
func Dial(dev string) (*Client, error) { return here().dial(dev) }

func (p place) dial(dev string) (*Client, error) {
	list, closed, unfit := p.sockets()
	list = slices.DeleteFunc(list, func(s socket) bool { return dev != "" && s.device != dev })
	live, stale := sift(list)
	if near := within(live, p.namespace); len(near) > 0 {
		live = near
	}
	switch {
	case len(live) == 1:
		return newClient(live[0]), nil
	case len(live) > 1:
		return nil, ambiguous(live)
	case len(stale) > 0:
		return nil, failf(ErrStale, "the instance on %s is gone without having been taken down: its socket %s refuses",
			stale[0].device, stale[0].path)
	case closed != "":
		return nil, failf(ErrPrivilege, "no instance%s of this user is running, and those in %s are another user's", on(dev), closed)
	case unfit != nil:
		return nil, failf(ErrNone, "no instance%s is to be seen: %v", on(dev), unfit)
	}
	return nil, failf(ErrNone, "no instance%s is running; start one with: tinystack up", on(dev))
}

func on(dev string) string {
	if dev == "" {
		return ""
	}
	return " on " + dev
}

// sift tells sockets at which somebody answers from those that were left behind.
func sift(list []socket) (live, stale []socket) {
	for _, s := range list {
		switch err := probe(s.path); {
		case err == nil:
			live = append(live, s)
		case errors.Is(err, syscall.ECONNREFUSED):
			stale = append(stale, s)
		}
	}
	return live, stale
}

func within(list []socket, namespace string) (in []socket) {
	for _, s := range list {
		if s.namespace == namespace {
			in = append(in, s)
		}
	}
	return in
}

func ambiguous(live []socket) error {
	var devices []string
	for _, s := range live {
		devices = append(devices, s.device)
	}
	slices.Sort(devices)
	if devices = slices.Compact(devices); len(devices) == 1 {
		return failf(ErrAmbiguous, "instances on %s are running in several network namespaces: enter the one that is meant", devices[0])
	}
	return failf(ErrAmbiguous, "several instances are running: choose one of them with --dev %s", strings.Join(devices, " or --dev "))
}

func newClient(s socket) *Client {
	connect := func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, "unix", s.path)
		if err != nil {
			return nil, err
		}
		if !peerIsUs(c.(*net.UnixConn)) {
			return nil, errors.Join(failf(ErrPrivilege, "the socket %s is another user's", s.path), c.Close())
		}
		return c, nil
	}
	return &Client{device: s.device, http: http.Client{Transport: &http.Transport{DialContext: connect}}}
}

// Device is the name of the instance's device.
func (c *Client) Device() string { return c.device }

// Close closes the connections that no request uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Get asks for a path, which may have a query. An answer other than 200 is an
// error, with the instance's own words. The caller closes the answer's body.
func (c *Client) Get(ctx context.Context, path string) (*http.Response, error) {
	return c.do(ctx, http.MethodGet, path, nil)
}

// Post is like Get, with a body, which the instance may read while it answers.
func (c *Client) Post(ctx context.Context, path string, body io.Reader) (*http.Response, error) {
	return c.do(ctx, http.MethodPost, path, body)
}

func (c *Client) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://tinystack"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var wrapped *url.Error // names a URL that the user never saw
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, fmt.Errorf("the instance on %s: %w", c.device, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	says, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("the instance on %s is of a version without %s", c.device, req.URL.Path)
	}
	return nil, fmt.Errorf("the instance on %s: %s", c.device, strings.TrimSpace(string(says)))
}

// JSON asks for a path and decodes the answer into v, if it is of this program's [Schema].
func (c *Client) JSON(ctx context.Context, path string, v any) error {
	resp, err := c.Get(ctx, path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("the instance on %s: %w", c.device, err)
	}
	var head struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return fmt.Errorf("the instance on %s: %w", c.device, err)
	}
	if head.Schema != Schema {
		return fmt.Errorf("the instance on %s answers by schema %d, and this program reads schema %d: use the program that it runs",
			c.device, head.Schema, Schema)
	}
	return json.Unmarshal(body, v)
}
