package udp

import (
	"fmt"
	"math/rand/v2"

	"github.com/tinystack/tinystack/trace"
)

const (
	// DefaultReadBuffer is what Linux's net.core.rmem_default is: 208 KiB.
	DefaultReadBuffer = 208 << 10

	minReadBuffer = 4 << 10
	maxReadBuffer = 1 << 30
)

// Config is what can be set about the layer. Its zero value works.
type Config struct {
	// ReadBuffer is the memory in bytes that datagrams waiting on one socket may
	// take, bookkeeping included, from 4096 to 1<<30; 0 means DefaultReadBuffer.
	// The last one accepted may exceed it. See [Conn.SetReadBuffer].
	ReadBuffer int
	// Rand is what the layer draws from, in New, to choose ports, for a run that can be
	// repeated. nil: nobody can guess them.
	Rand rand.Source
	// Trace is where the layer's events happen. nil: nobody is told.
	Trace *trace.Node
}

func (c Config) withDefaults() (Config, error) {
	if c.ReadBuffer == 0 {
		c.ReadBuffer = DefaultReadBuffer
	}
	if c.ReadBuffer < minReadBuffer || c.ReadBuffer > maxReadBuffer {
		return c, fmt.Errorf("udp: Config.ReadBuffer is %d, not from %d to %d", c.ReadBuffer, minReadBuffer, maxReadBuffer)
	}
	return c, nil
}
