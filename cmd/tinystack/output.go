package main

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// output keeps the first error of writing to w, after which it writes nothing.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(b []byte) (n int, err error) {
	if o.err != nil {
		return 0, o.err
	}
	n, o.err = o.w.Write(b)
	return n, o.err
}

// textOnly spares a terminal what is no text: what has a zero byte early, as with curl.
type textOnly struct {
	w    io.Writer
	seen int
}

var errBinary = errors.New("this is no text, and might upset the terminal: use -o FILE, or -o - to have it all the same")

func (t *textOnly) Write(b []byte) (int, error) {
	const early = 2000
	if bytes.IndexByte(b[:min(len(b), max(0, early-t.seen))], 0) >= 0 {
		return 0, errBinary
	}
	t.seen += len(b)
	return t.w.Write(b)
}

// terminal reports whether w is a terminal, or another device but the one that drops all.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
