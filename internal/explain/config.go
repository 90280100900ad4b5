package explain

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tinystack/tinystack/tcp"
)

// Config is what a run is about. URL is all it needs.
type Config struct {
	// URL is what is typed: http://HOST[:PORT][/PATH], or without the scheme.
	URL string
	// Color has the text use colours.
	Color bool
	// Own is the stack whose trip it is, over its own network; nil: the lab's host, in the lab.
	Own *Own
	// Seed is the lab's.
	Seed uint64
	// Limit is how long the trip may take; 0: 30 s.
	Limit time.Duration

	// Again has the URL visited a second time, with what the caches have by then.
	Again bool
	// Ladder has all packets drawn at the end.
	Ladder bool
	// Why is the number of a packet whose causes are told at the end; 0: none.
	Why int
	// JSON has all events written, as package trace's [trace.Encoder] does, in place of
	// the text.
	JSON bool
	// Pcap is where the packets are written for Wireshark; nil: nowhere.
	Pcap io.Writer

	// Change is what is different from the plain trip. In the lab that is then taken too, for
	// the difference to be told; a stack of the caller's has the change already, by
	// [Change.TCP] and its device, and Lose is refused.
	Change
}

// Change is what of a trip can be changed. Its zero value changes nothing.
type Change struct {
	// Lose are the packets to lose.
	Lose Losses
	// Delay is how much longer a packet takes between the home router and the provider, of a
	// stack of the caller's on its device, each way; 0 to 10 s.
	Delay time.Duration
	// MSS is the host's, in bytes, 536 to 1460; 0: 1460. Its device's MTU is 40 more.
	MSS int
	// Rwnd is the host's receive buffer in bytes, 4096 to 16777216; 0: tcp's default.
	Rwnd int
	// CC is the server's congestion control, of a stack of the caller's its own: "cubic", "reno"
	// or "bbr"; "": tcp's default.
	CC string
	// NoSACK keeps the host from offering SACK.
	NoSACK bool
}

// controls are the congestion controls there are.
var controls = []string{tcp.CUBIC, tcp.Reno, tcp.BBR}

// maxDelay is the longest that Change.Delay may be.
const maxDelay = 10 * time.Second

// TCP is the host's TCP with the change; its congestion control is that of the caller's stack.
func (c Change) TCP() tcp.Config {
	return tcp.Config{ReceiveBuffer: c.Rwnd, NoSACK: c.NoSACK, Congestion: c.CC}
}

// MTU is that of the host's device with the change, 0 if it is as without.
func (c Change) MTU() int {
	if c.MSS == 0 {
		return 0
	}
	return c.MSS + headers
}

// String returns the changes in words, "" if there are none.
func (c Change) String() (text string) {
	add := func(there bool, format string, args ...any) {
		if there {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprintf(format, args...)
		}
	}
	lose := c.Lose.String()
	add(lose != "", "losing %s", lose)
	add(c.Delay != 0, "%v more delay each way", c.Delay)
	add(c.MSS != 0, "an MSS of %d", c.MSS)
	add(c.Rwnd != 0, "a receive buffer of %d bytes", c.Rwnd)
	add(c.CC != "", "%s", c.CC)
	add(c.NoSACK, "no SACK")
	return text
}

// Check returns the error that [Run] would return before it begins: a *[URLError], or a
// *[ConfigError] about what is out of range, or is the lab's alone.
func (c Config) Check() error {
	if _, err := parseURL(c.URL); err != nil {
		return err
	}
	err := c.Change.check()
	switch {
	case c.Limit < 0:
		err = fmt.Errorf("a limit of %v is negative", c.Limit)
	case c.Own != nil && c.Lose.String() != "":
		err = errors.New("packets are lost on purpose in the lab only: what comes in from elsewhere can't be numbered before it is there")
	case c.Own != nil && c.Seed != 0:
		err = errors.New("a seed is the lab's: outside of it chance can't be repeated")
	}
	if err != nil {
		return &ConfigError{err}
	}
	return nil
}

// check refuses what is out of range by its name; what the lab checks is left to it.
func (c Change) check() error {
	switch {
	case c.Delay < 0 || c.Delay > maxDelay:
		return fmt.Errorf("a delay of %v is out of range: 0 to %v", c.Delay, maxDelay)
	case c.MSS != 0 && (c.MSS < 536 || c.MSS > 1460):
		return fmt.Errorf("an MSS of %d is out of range: 536 to 1460 bytes", c.MSS)
	case c.Rwnd != 0 && (c.Rwnd < 4096 || c.Rwnd > 1<<24):
		return fmt.Errorf("a receive buffer of %d is out of range: 4096 to %d bytes", c.Rwnd, 1<<24)
	case c.CC != "" && !slices.Contains(controls, c.CC):
		return fmt.Errorf("there is no congestion control %q: %s", c.CC, strings.Join(controls, ", "))
	}
	return nil
}
