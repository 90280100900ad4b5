package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinystack/tinystack/internal/capture"
)

// capturePath is where the window has the packets.
const capturePath = "/v1/capture"

// Limits of capture's flags.
const (
	maxCaptureBuffer = 1024 // MiB
	defCaptureBuffer = 16
)

// captureDrain is how long the instance may take to send what is left at the end.
const captureDrain = 2 * time.Second

var errSlow = errors.New("the instance did not send what was left of the capture")

type captureFlags struct {
	dev, file string
	count     int
	snapLen   int
	buffer    int // MiB
	why       bool
}

func newCapture() *cobra.Command {
	var f captureFlags
	cmd := &cobra.Command{
		Use:   "capture -w FILE [host ADDRESS] [port NUMBER]",
		Short: "Record the packets of a running instance, as Wireshark reads them",
		Long: `Record the packets of a running instance as pcapng, seen from the stack: with checksums complete, and
super-segments as they are. On a bad wire (up --impair) these are the packets sent, also those that then get lost, and
the packets that arrived. It ends when interrupted, and says how many packets there were and how many it missed.

A filter selects packets by an address, a port, or both. It selects ICMP errors about such packets too.`,
		Example: `  tinystack capture -w - | tshark -r -
  tinystack capture -w web.pcapng -c 100 host 198.18.0.1 port 80`,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := f.options(args)
			if err != nil {
				return err
			}
			return f.run(cmd.Context(), opts, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addInstanceFlag(cmd, &f.dev)
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "write", "w", "", "the `file` to write, - for the standard output")
	flags.IntVarP(&f.count, "count", "c", 0, "stop after `n` packets (0: when interrupted)")
	flags.IntVarP(&f.snapLen, "snaplen", "s", capture.MaxSnapLen, "`bytes` to keep of a packet, 1 to 262144")
	flags.IntVarP(&f.buffer, "buffer", "B", defCaptureBuffer, "`MiB` of packets that may wait to be written, 1 to 1024")
	flags.BoolVar(&f.why, "why", false, "give each packet a comment that says because of what it was sent; the stack is slower meanwhile")
	_ = cmd.MarkFlagFilename("write", "pcapng")
	return cmd
}

// options checks the flags and the filter; its errors are usage errors.
func (f *captureFlags) options(args []string) (o capture.Options, err error) {
	switch {
	case f.file == "":
		return o, usagef("where to? -w FILE, or -w - for the standard output")
	case f.count < 0:
		return o, usagef("--count %d is negative", f.count)
	case f.snapLen < 1 || f.snapLen > capture.MaxSnapLen:
		return o, usagef("--snaplen %d is out of range: 1 to %d bytes", f.snapLen, capture.MaxSnapLen)
	case f.buffer < 1 || f.buffer > maxCaptureBuffer:
		return o, usagef("--buffer %d is out of range: 1 to %d MiB", f.buffer, maxCaptureBuffer)
	}
	o = capture.Options{SnapLen: f.snapLen, Count: uint64(f.count), Queue: f.buffer << 20, Why: f.why}
	if o.Filter, err = capture.ParseFilter(args); err != nil {
		return o, usageError{err}
	}
	return o, nil
}

// run records until ctx is done, the count is reached, or the instance ends.
func (f *captureFlags) run(ctx context.Context, o capture.Options, stdout, stderr io.Writer) (err error) {
	client, err := dialInstance(f.dev)
	if err != nil {
		return err
	}
	defer client.Close()
	hold, stop := io.Pipe() // the request's body: its end ends the capture
	defer stop.Close()
	asking, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		stop.Close()
		time.AfterFunc(captureDrain, func() { cancel(errSlow) })
	})()
	resp, err := client.Post(asking, capturePath+"?"+o.Query().Encode(), hold)
	if err != nil {
		return instanceError(err)
	}
	defer resp.Body.Close()
	out, closeOut, err := f.open(stdout, func() { cancel(syscall.EPIPE) })
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "capturing on %s\n", client.Device())
	_, err = io.Copy(out, resp.Body)
	if errors.Is(err, context.Canceled) {
		err = context.Cause(asking)
	}
	if err = errors.Join(err, closeOut()); errors.Is(err, syscall.EPIPE) {
		return nil // who read it has had enough
	}
	return summarize(stderr, resp, client.Device(), err)
}

// open opens the file to write. gone is called if it is a pipe that nobody reads any
// more, which a write would find out at the next packet only.
func (f *captureFlags) open(stdout io.Writer, gone func()) (io.Writer, func() error, error) {
	if f.file != "-" {
		file, err := os.Create(f.file)
		if err != nil {
			return nil, nil, err
		}
		return file, file.Close, nil
	}
	signal.Ignore(syscall.SIGPIPE) // else a broken pipe would kill the program
	if file, ok := stdout.(*os.File); ok {
		go func() {
			if waitUnread(file) {
				gone()
			}
		}()
	}
	return stdout, func() error { return nil }, nil
}

// summarize says how many packets there were; err is why there are no more.
func summarize(w io.Writer, resp *http.Response, dev string, err error) error {
	packets, missed := resp.Trailer.Get(capture.TrailerPackets), resp.Trailer.Get(capture.TrailerMissed)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), err == nil && packets == "":
		return fmt.Errorf("the instance on %s is gone; the capture ends in the middle", dev)
	case err != nil:
		return err
	}
	hint := ""
	if missed != "0" {
		hint = "; a larger --buffer, a smaller --snaplen or a filter may help"
	}
	_, err = fmt.Fprintf(w, "%s packets captured, %s missed%s\n", packets, missed, hint)
	return err
}
