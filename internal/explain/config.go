package explain

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tinystack/tinystack/internal/lab"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/tcp"
)

// Config is what a run is about. URL is all it needs.
type Config struct {
	// URL is what is typed: http://HOST[:PORT][/PATH], or without the scheme.
	URL string
	// Color has the text use colours.
	Color bool
	// Seed is the lab's.
	Seed uint64

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

	// Change is what is different from the plain trip, which is then taken too, for the
	// difference to be told.
	Change
}

// Change is what of a trip can be changed. Its zero value changes nothing.
type Change struct {
	// Lose are the packets to lose.
	Lose Losses
	// Delay is how much longer a packet takes between the home router and the provider,
	// each way; 0 to 10 s.
	Delay time.Duration
	// MSS is the host's, in bytes, 536 to 1460; 0: 1460.
	MSS int
	// Rwnd is the host's receive buffer in bytes, 4096 to 16777216; 0: tcp's default.
	Rwnd int
	// CC is the server's congestion control: "cubic", "reno" or "bbr"; "": tcp's default.
	CC string
	// NoSACK keeps the host from offering SACK.
	NoSACK bool
}

// controls are the congestion controls there are.
var controls = []string{tcp.CUBIC, tcp.Reno, tcp.BBR}

// maxDelay is the longest that Change.Delay may be.
const maxDelay = 10 * time.Second

// changes are the changes in words, "" if there are none.
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

// newLab makes the lab of a trip that is changed so; l loses what is to be lost.
func (c Change) newLab(seed uint64, l *log) (*lab.Lab, error) {
	cfg := lab.Config{Seed: seed}
	cfg.Host.ReceiveBuffer, cfg.Host.NoSACK = c.Rwnd, c.NoSACK
	cfg.Web.Congestion = c.CC
	if c.MSS != 0 {
		cfg.MTU = c.MSS + 40
	}
	net, err := lab.New(cfg)
	if err != nil {
		return nil, err
	}
	l.lose = c.Lose.chooser(seed)
	net.Trace().Subscribe(l.add)
	access, lan := net.Wire("access"), net.Wire("lan")
	slow := access.Impairment()
	slow.Delay += c.Delay
	bad := lan.Impairment()
	bad.LoseIf = func(_ uint64, b []byte) bool { return l.doom(b) }
	for w, cfg := range map[*lab.Wire]link.ImpairConfig{access: slow, lan: bad} {
		if err := w.Impair(cfg); err != nil {
			net.Close()
			return nil, err
		}
	}
	return net, nil
}
