package stack_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
)

// transfer is a connection on which data without end is under way from server to client.
type transfer struct {
	client, server       *stack.Stack
	clientDev            *link.Pipe
	clientConn           net.Conn
	serverConn           net.Conn
	clientErr, serverErr error // set when done is closed
	done                 chan struct{}
}

func startTransfer(t *testing.T) *transfer {
	t.Helper()
	x := &transfer{client: newStack(t, stack.Config{}), server: newStack(t, stack.Config{}), done: make(chan struct{})}
	x.clientDev, _ = join(t, x.client, "198.18.0.1/24", x.server, "198.18.0.2/24", link.PairConfig{})
	ln, err := x.server.Listen("tcp", ":19")
	must(t, err)
	x.clientConn = dial(t, x.client, "tcp", "198.18.0.2:19")
	x.serverConn, err = ln.Accept()
	must(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		for x.serverErr == nil {
			_, x.serverErr = x.serverConn.Write(make([]byte, 100_000))
		}
	}()
	_, err = io.ReadFull(x.clientConn, make([]byte, 5<<20))
	must(t, err)
	go func() {
		defer close(x.done)
		for b := make([]byte, 100_000); x.clientErr == nil; {
			time.Sleep(time.Millisecond) // lest the bubble's clock stand still
			_, x.clientErr = x.clientConn.Read(b)
		}
		<-served
	}()
	time.Sleep(10 * time.Millisecond)
	return x
}

// want asserts how the transfer ended for each end.
func (x *transfer) want(t *testing.T, client, server error) {
	t.Helper()
	<-x.done
	if !errors.Is(x.clientErr, client) {
		t.Errorf("the client's Read: %v, want %v", x.clientErr, client)
	}
	if !errors.Is(x.serverErr, server) {
		t.Errorf("the server's Write: %v, want %v", x.serverErr, server)
	}
}

func TestServerKilled(t *testing.T) { synctest.Test(t, testServerKilled) }

func testServerKilled(t *testing.T) {
	x := startTransfer(t)
	x.server.Close() // as when the process ends: RST
	x.want(t, syscall.ECONNRESET, net.ErrClosed)
}

func TestClientKilled(t *testing.T) { synctest.Test(t, testClientKilled) }

func testClientKilled(t *testing.T) {
	x := startTransfer(t)
	x.client.Close()
	x.want(t, net.ErrClosed, syscall.ECONNRESET)
}

func TestClientClosesUnread(t *testing.T) { synctest.Test(t, testClientClosesUnread) }

func testClientClosesUnread(t *testing.T) {
	x := startTransfer(t)
	x.clientConn.Close() // with data unread, which is a RST
	x.want(t, net.ErrClosed, syscall.ECONNRESET)
}

func TestDeviceKilled(t *testing.T) { synctest.Test(t, testDeviceKilled) }

func testDeviceKilled(t *testing.T) {
	x := startTransfer(t)
	killed := time.Now()
	x.clientDev.Close()
	// The client only waits: nine keepalive probes go unanswered. The server's data is not
	// acknowledged for 15 minutes. Both is what Linux reports for it.
	x.want(t, syscall.ETIMEDOUT, syscall.ETIMEDOUT)
	if took := time.Since(killed); took < 15*time.Minute-time.Second || took > 16*time.Minute {
		t.Errorf("given up after %v", took)
	}
	if i := x.client.Interface("pipea"); i.Err() == nil {
		t.Error("the client's interface is still in use")
	}
}
