package explain

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/tinystack/tinystack/trace"
)

// Losses are the packets that the host's wire loses: those of these numbers, and of TCP's
// the Rate, from 0 to 1.
type Losses struct {
	Packets []int
	Rate    float64
}

// ParseLosses reads losses as a command line has them: "7", "7,9,12", "1%" or "0.01".
func ParseLosses(text string) (l Losses, err error) {
	if text == "" {
		return l, nil
	}
	percent, isPercent := strings.CutSuffix(text, "%")
	if isPercent || strings.Contains(text, ".") {
		if l.Rate, err = strconv.ParseFloat(percent, 64); isPercent {
			l.Rate /= 100
		}
		if err != nil || !(l.Rate >= 0 && l.Rate <= 1) {
			return Losses{}, fmt.Errorf("losses %q: want a rate from 0%% to 100%%", text)
		}
		return l, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return Losses{}, fmt.Errorf("losses %q: want numbers of packets, such as 7 or 7,9, or a rate such as 1%%", text)
		}
		l.Packets = append(l.Packets, n)
	}
	return l, nil
}

// String returns what [ParseLosses] reads.
func (l Losses) String() string {
	if l.Rate > 0 {
		return strconv.FormatFloat(100*l.Rate, 'g', -1, 64) + "%"
	}
	var list []string
	for _, n := range l.Packets {
		list = append(list, strconv.Itoa(n))
	}
	return strings.Join(list, ",")
}

// chooser returns what decides on each packet; the same seed gives the same chances.
func (l Losses) chooser(seed uint64) func(int, *trace.Event) bool {
	chance := rand.New(rand.NewPCG(seed, 0))
	return func(n int, e *trace.Event) bool {
		return slices.Contains(l.Packets, n) || l.Rate > 0 && e.Packet.TCP != nil && chance.Float64() < l.Rate
	}
}
