package tcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestLayerCloseUnblocksEveryone(t *testing.T) { synctest.Test(t, testLayerCloseUnblocksEveryone) }

func testLayerCloseUnblocksEveryone(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, wnd: -1, cfg: Config{SendBuffer: 4096}})
	read := tc.background(func() error { _, err := tc.conn.Read(make([]byte, 1)); return err })
	write := tc.background(func() error { _, err := tc.conn.Write(make([]byte, 10000)); return err })
	synctest.Wait() // it is the one that waits for room
	write2 := tc.background(func() error { _, err := tc.conn.Write(make([]byte, 1)); return err })
	accept := tc.background(func() error { _, err := tc.ln.Accept(); return err })
	dial := tc.background(func() error {
		_, err := tc.layer.Dial(context.Background(), netip.AddrPort{}, netip.AddrPortFrom(peerAddr, 9))
		return err
	})
	synctest.Wait()
	tc.drain()
	must(t, tc.layer.Close())
	tc.want("the connection is reset", seg{flags: RST | ACK, seq: 1, ack: 1})
	tc.wantIdle("a connection that is not open yet is not")
	for name, call := range map[string]func() error{
		"Read": read, "Write": write, "a second Write": write2, "Accept": accept, "Dial": dial,
	} {
		wantErr(t, name, call(), net.ErrClosed)
	}
	wantErr(t, "Close", tc.layer.Close(), net.ErrClosed)
	if n := len(tc.layer.Conns()); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	_, err := tc.layer.Listen(netip.AddrPort{})
	wantErr(t, "Listen", err, net.ErrClosed)
	_, err = tc.layer.Dial(context.Background(), netip.AddrPort{}, peerPort)
	wantErr(t, "Dial", err, net.ErrClosed)
	must(t, tc.conn.Close())
	time.Sleep(time.Hour)
	tc.wantIdle("no timer is left")
}

// A layer is closed after the peer's FIN: Read says so, and not that all is well.
func TestLayerCloseInCloseWait(t *testing.T) { synctest.Test(t, testLayerCloseInCloseWait) }

func testLayerCloseInCloseWait(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.enter(CloseWait)
	must(t, tc.layer.Close())
	tc.wantReadError(net.ErrClosed)
}

func TestResetWakesEveryone(t *testing.T) { synctest.Test(t, testResetWakesEveryone) }

func testResetWakesEveryone(t *testing.T) {
	tc := newTestConn(t, setup{wnd: -1, cfg: Config{SendBuffer: 4096}})
	read := tc.background(func() error { _, err := tc.conn.Read(make([]byte, 1)); return err })
	write := tc.background(func() error {
		n, err := tc.conn.Write(make([]byte, 10000))
		if n != 4096 {
			t.Errorf("wrote %d bytes", n)
		}
		return err
	})
	synctest.Wait()
	tc.inject(seg{flags: RST, seq: 1})
	wantErr(t, "Read", read(), syscall.ECONNRESET)
	wantErr(t, "Write", write(), syscall.ECONNRESET)
	op, ok := tc.conn.opError("read", syscall.ECONNRESET).(*net.OpError)
	if !ok || op.Source.String() != tc.local.String() || op.Addr.String() != tc.remote.String() {
		t.Errorf("the error names %v and %v", op.Source, op.Addr)
	}
}

// What arrived before a reset can be read, as in Linux.
func TestReadBeforeReset(t *testing.T) { synctest.Test(t, testReadBeforeReset) }

func testReadBeforeReset(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.inject(seg{seq: 1, ack: 1, n: 100}, seg{flags: RST, seq: 101})
	tc.read(100)
	tc.wantReadError(syscall.ECONNRESET)
}

func TestReadDeadline(t *testing.T) { synctest.Test(t, testReadDeadline) }

func testReadDeadline(t *testing.T) {
	tc := newTestConn(t, setup{})
	read := func() error { _, err := tc.conn.Read(make([]byte, 10)); return err }
	start := time.Now()
	must(t, tc.conn.SetReadDeadline(start.Add(time.Second)))
	err := read()
	wantErr(t, "Read", err, os.ErrDeadlineExceeded)
	if !err.(net.Error).Timeout() || time.Since(start) != time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	wantErr(t, "Read after it passed", read(), os.ErrDeadlineExceeded)

	// Moved while a Read waits: later, then earlier.
	must(t, tc.conn.SetReadDeadline(time.Now().Add(time.Second)))
	result := tc.background(read)
	synctest.Wait()
	must(t, tc.conn.SetReadDeadline(time.Now().Add(time.Hour)))
	time.Sleep(time.Minute)
	must(t, tc.conn.SetReadDeadline(time.Now().Add(-1)))
	wantErr(t, "Read with a deadline in the past", result(), os.ErrDeadlineExceeded)

	// Cleared: what arrives is read.
	must(t, tc.conn.SetDeadline(time.Time{}))
	result = tc.background(read)
	time.Sleep(time.Hour)
	tc.inject(seg{seq: 1, ack: 1, n: 5})
	must(t, result())
	// It does not concern Write.
	must(t, tc.conn.SetReadDeadline(time.Now()))
	tc.write(10)
}

func TestWriteDeadline(t *testing.T) { synctest.Test(t, testWriteDeadline) }

func testWriteDeadline(t *testing.T) {
	tc := newTestConn(t, setup{wnd: -1, cfg: Config{SendBuffer: 4096}})
	must(t, tc.conn.SetWriteDeadline(time.Now().Add(time.Second)))
	n, err := tc.conn.Write(streamBytes(1, 5000))
	wantErr(t, "Write", err, os.ErrDeadlineExceeded)
	if n != 4096 {
		t.Errorf("%d bytes were taken", n)
	}
	n, err = tc.conn.Write([]byte("x"))
	wantErr(t, "Write after it passed", err, os.ErrDeadlineExceeded)
	if n != 0 {
		t.Errorf("%d bytes were taken", n)
	}
	// What was taken is sent.
	tc.drain()
	tc.inject(seg{seq: 1, ack: 2, wnd: 10000})
	tc.wantData("what was taken", 2, 4095, 1000)
	// It does not concern Read.
	tc.inject(seg{seq: 1, ack: 4097, n: 5})
	tc.read(5)
}

// A write ends half-way when the peer resets or we close for writing.
func TestCloseWriteEndsWrite(t *testing.T) { synctest.Test(t, testCloseWriteEndsWrite) }

func testCloseWriteEndsWrite(t *testing.T) {
	tc := newTestConn(t, setup{wnd: -1, cfg: Config{SendBuffer: 4096}})
	write := tc.background(func() error { _, err := tc.conn.Write(make([]byte, 10000)); return err })
	synctest.Wait()
	must(t, tc.conn.CloseWrite())
	wantErr(t, "Write", write(), syscall.EPIPE)
}

func TestWritersDoNotInterleave(t *testing.T) { synctest.Test(t, testWritersDoNotInterleave) }

func testWritersDoNotInterleave(t *testing.T) {
	tc := newTestConn(t, setup{scale: 7, wnd: 1 << 20, cfg: Config{SendBuffer: 4096}})
	const writers, each = 8, 20000
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			n, err := tc.conn.Write(bytes.Repeat([]byte{byte(i)}, each))
			if n != each || err != nil {
				t.Errorf("Write = %d, %v", n, err)
			}
		})
	}
	var got []byte
	for len(got) < writers*each {
		s, ok := tc.net.next()
		if !ok {
			t.Fatal("nothing was sent")
		}
		got = append(got, s.data...)
		tc.inject(seg{seq: 1, ack: 1 + len(got)})
	}
	wg.Wait()
	seen := map[byte]bool{}
	for at := 0; at < len(got); at += each {
		if seen[got[at]] || !bytes.Equal(got[at:at+each], bytes.Repeat(got[at:at+1], each)) {
			t.Fatal("two writes are mixed")
		}
		seen[got[at]] = true
	}
}

// Readers at once lose nothing and read nothing twice.
func TestConcurrentReaders(t *testing.T) { synctest.Test(t, testConcurrentReaders) }

func testConcurrentReaders(t *testing.T) {
	tc := newTestConn(t, setup{})
	const total = 50000
	var (
		mu    sync.Mutex
		count [256]int
		wg    sync.WaitGroup
	)
	for range 4 {
		wg.Go(func() {
			b := make([]byte, 300)
			for {
				n, err := tc.conn.Read(b)
				mu.Lock()
				for _, c := range b[:n] {
					count[c]++
				}
				mu.Unlock()
				if err != nil {
					if err != io.EOF {
						t.Errorf("Read: %v", err)
					}
					return
				}
			}
		})
	}
	var want [256]int
	for at := 1; at <= total; at += 1000 {
		tc.inject(seg{seq: at, ack: 1, n: 1000})
		if rand.IntN(2) == 0 {
			synctest.Wait()
		}
		for _, c := range streamBytes(at, 1000) {
			want[c]++
		}
	}
	tc.inject(seg{flags: FIN | ACK, seq: total + 1, ack: 1})
	wg.Wait()
	if count != want {
		t.Error("what was read is not what was sent")
	}
}

func TestReadFromAndWriteTo(t *testing.T) { synctest.Test(t, testReadFromAndWriteTo) }

func testReadFromAndWriteTo(t *testing.T) {
	tc := newTestConn(t, setup{scale: 7, wnd: 1 << 20})
	tc.inject(seg{seq: 1, ack: 1})
	from := tc.background(func() error {
		n, err := tc.conn.ReadFrom(bytes.NewReader(streamBytes(1, 200000)))
		if n != 200000 {
			t.Errorf("ReadFrom = %d", n)
		}
		return err
	})
	got := 0
	for got < 200000 {
		s := tc.take("data")
		if string(s.data) != string(streamBytes(1+got, len(s.data))) {
			t.Fatalf("at %d is not what was written", got)
		}
		got += len(s.data)
		tc.inject(seg{seq: 1, ack: 1 + got})
	}
	must(t, from())

	var b bytes.Buffer
	to := tc.background(func() error {
		n, err := tc.conn.WriteTo(&b)
		if n != 50000 {
			t.Errorf("WriteTo = %d", n)
		}
		return err
	})
	for at := 1; at <= 50000; at += 1000 {
		tc.inject(seg{seq: at, ack: 200001, n: 1000})
	}
	tc.inject(seg{flags: FIN | ACK, seq: 50001, ack: 200001})
	must(t, to())
	if b.String() != string(streamBytes(1, 50000)) {
		t.Error("WriteTo's data is not what was sent")
	}
}

func TestReadFromAndWriteToFail(t *testing.T) { synctest.Test(t, testReadFromAndWriteToFail) }

func testReadFromAndWriteToFail(t *testing.T) {
	tc := newTestConn(t, setup{})
	broken := errors.New("broken")
	_, err := tc.conn.ReadFrom(io.MultiReader(bytes.NewReader([]byte("abc")), errReader{broken}))
	wantErr(t, "ReadFrom", err, broken)
	tc.inject(seg{seq: 1, ack: 4, n: 10})
	_, err = tc.conn.WriteTo(errWriter{broken})
	wantErr(t, "WriteTo", err, broken)
	tc.inject(seg{flags: RST, seq: 11})
	_, err = tc.conn.WriteTo(io.Discard)
	wantErr(t, "WriteTo", err, syscall.ECONNRESET)
	_, err = tc.conn.ReadFrom(bytes.NewReader([]byte("abc")))
	wantErr(t, "ReadFrom", err, syscall.ECONNRESET)
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

type errWriter struct{ err error }

func (w errWriter) Write([]byte) (int, error) { return 0, w.err }

// Zero bytes to read or to write never wait.
func TestZeroBytes(t *testing.T) { synctest.Test(t, testZeroBytes) }

func testZeroBytes(t *testing.T) {
	tc := newTestConn(t, setup{wnd: -1})
	if n, err := tc.conn.Read(nil); n != 0 || err != nil {
		t.Errorf("Read = %d, %v", n, err)
	}
	if n, err := tc.conn.Write(nil); n != 0 || err != nil {
		t.Errorf("Write = %d, %v", n, err)
	}
	tc.wantIdle("nothing to send")
}

func TestSettingsOutOfRange(t *testing.T) { synctest.Test(t, testSettingsOutOfRange) }

func testSettingsOutOfRange(t *testing.T) {
	tc := newTestConn(t, setup{})
	for _, d := range []time.Duration{-1, maxUserTimeout + 1, math.MaxInt64} {
		wantErr(t, "SetUserTimeout", tc.conn.SetUserTimeout(d), syscall.EINVAL)
	}
	must(t, tc.conn.SetUserTimeout(maxUserTimeout))
	must(t, tc.conn.SetLinger(math.MaxInt))
	if tc.conn.linger <= 0 {
		t.Errorf("a long linger is %v", tc.conn.linger)
	}
	must(t, tc.conn.SetLinger(math.MinInt))
	if tc.conn.linger >= 0 {
		t.Errorf("no linger is %v", tc.conn.linger)
	}
	must(t, tc.conn.SetWriteBuffer(1))
	if n, err := tc.conn.Write(make([]byte, 4096)); n != 4096 || err != nil {
		t.Errorf("Write = %d, %v", n, err)
	}
}

// Dial from a port of one's own choice.
func TestDialFrom(t *testing.T) { synctest.Test(t, testDialFrom) }

func testDialFrom(t *testing.T) {
	tc := newTestLayer(t, setup{})
	local := netip.AddrPortFrom(otherAddr, 1234)
	dial := tc.background(func() error {
		c, err := tc.layer.Dial(context.Background(), local, peerPort)
		tc.conn = c
		return err
	})
	tc.wantSYN("SYN")
	if tc.local != local {
		t.Errorf("the SYN is from %v", tc.local)
	}
	tc.injectSYNACK()
	must(t, dial())
	_, err := tc.layer.Dial(context.Background(), local, peerPort)
	wantErr(t, "Dial from a taken port", err, syscall.EADDRINUSE)
	_, err = tc.layer.Dial(context.Background(), netip.AddrPort{}, netip.AddrPortFrom(peerAddr, 0))
	wantErr(t, "Dial to port 0", err, syscall.ECONNREFUSED)
}

func TestInfo(t *testing.T) { synctest.Test(t, testInfo) }

func testInfo(t *testing.T) {
	tc := newTestConn(t, setup{ts: true, scale: 7, delay: 50 * time.Millisecond, wnd: 1 << 20})
	info := tc.conn.Info()
	if !info.Timestamps || !info.SACK || !info.WindowScaling || info.SndWscale != 7 || info.RcvWscale != 7 ||
		info.SndMSS != 988 || info.AdvMSS != 1000 || info.PMTU != testMTU || info.RTT != 50*time.Millisecond ||
		info.MinRTT != info.RTT || info.ATO != 40*time.Millisecond || info.RcvSpace != initialReceiveBuffer {
		t.Errorf("after the handshake: %+v", info)
	}
	time.Sleep(time.Second)
	info = tc.conn.Info()
	if info.LastDataSent != 1050*time.Millisecond || info.LastDataRecv != info.LastDataSent || info.LastAckRecv != time.Second {
		t.Errorf("after a second without data: %+v", info)
	}
	tc.write(20000)
	time.Sleep(30 * time.Millisecond)
	info = tc.conn.Info()
	if info.Unacked != 9880 || info.InNetwork != 9880 || info.SendQueue != 20000 || info.NotSent != 20000-9880 ||
		info.BytesSent != 9880 || info.BytesAcked != 0 || info.DataSegsOut != 10 ||
		info.LastDataSent != 30*time.Millisecond {
		t.Errorf("after a write: %+v", info)
	}
	tc.inject(seg{seq: 1, ack: 989, n: 500})
	info = tc.conn.Info()
	if info.BytesAcked != 988 || info.BytesReceived != 500 || info.RecvQueue != 500 || info.DataSegsIn != 1 ||
		info.RcvMSS != 500 || info.LastDataRecv != 0 || info.SndWnd != 1<<20 {
		t.Errorf("after an ACK: %+v", info)
	}
	tc.inject(seg{seq: 501, ack: 989, sack: [][2]int{{1977, 4941}}})
	info = tc.conn.Info()
	if info.Sacked != 2964 || info.TotalRetrans != 1 || info.BytesRetrans != 988 || info.CAState != "recovery" {
		t.Errorf("after a loss: %+v", info)
	}
	tc.inject(seg{flags: RST, seq: 501})
	info = tc.conn.Info()
	if info.State != Closed || info.Unacked < 0 || info.SendQueue != 0 || info.BytesReceived != 500 {
		t.Errorf("after a reset: %+v", info)
	}
}
