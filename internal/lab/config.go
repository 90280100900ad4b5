package lab

import (
	"fmt"
	"time"

	"github.com/tinystack/tinystack/tcp"
	"github.com/tinystack/tinystack/trace"
)

// Config is what can be set about a lab. Its zero value works.
type Config struct {
	// Seed is where all that is random comes from: ports, sequence numbers, which packets
	// are lost.
	Seed uint64
	// Host and Web are the TCP of the host and of the web server, such as the receive
	// buffer of the one and the congestion control of the other.
	Host, Web tcp.Config
	// MTU is that of the host's wire in bytes, 576 to 1500; 0: 1500. The host's MSS is 40
	// less.
	MTU int
	// Pace is how long an application takes before it reads, writes or closes a
	// connection; 0 to 1 s. 0: 50 µs; negative: no time.
	Pace time.Duration
	// Trace is told what happens at all nodes. nil: one that is [Lab.Trace].
	Trace *trace.Tracer
}

// Defaults and ranges of Config.
const (
	defaultMTU  = 1500
	minMTU      = 576
	defaultPace = 50 * time.Microsecond
	maxPace     = time.Second
)

func (c Config) withDefaults() (Config, error) {
	if c.MTU == 0 {
		c.MTU = defaultMTU
	}
	if c.Pace == 0 {
		c.Pace = defaultPace
	}
	if c.Trace == nil {
		c.Trace = trace.New()
	}
	switch {
	case c.MTU < minMTU || c.MTU > defaultMTU:
		return c, fmt.Errorf("lab: Config.MTU is %d, not %d to %d", c.MTU, minMTU, defaultMTU)
	case c.Pace > maxPace:
		return c, fmt.Errorf("lab: Config.Pace is %v, above %v", c.Pace, maxPace)
	}
	return c, nil
}
