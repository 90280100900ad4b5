package explain

import (
	"testing"
	"testing/synctest"
)

// Losses are told with how each was repaired, and by which rule.
func TestLosses(t *testing.T) {
	for lose, told := range map[string][]string{
		"1":     {"lost a datagram between 192.0.2.10 and 192.0.2.1", "is 203.0.113.80"},
		"3":     {"lost packet 3, the host's SYN: sent again 1000.0 ms later as packet 4 (SYN again: no answer within the retransmission timeout, RFC 6298 5.5"},
		"20":    {"lost packet 20, the server's 1448 bytes", "fast retransmit", "recovery"},
		"24,25": {"lost packet 24", "lost packet 25"},
		"5%":    {"lost packet"},
	} {
		t.Run(lose, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, err := ParseLosses(lose)
				if err != nil || l.String() != lose {
					t.Fatalf("%v, %v", l, err)
				}
				text, err := tell(t, Config{URL: "www.google.com", Change: Change{Lose: l}})
				if err != nil {
					t.Error(err)
				}
				wantAll(t, text, told)
			})
		})
	}
}

// What is neither numbers nor a rate is refused.
func TestParseLosses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"x", "0", "-1", "1,", "7,x", "101%", "1.5", "%", "NaN%", "0x1p-2%%"} {
		if l, err := ParseLosses(text); err == nil {
			t.Errorf("%q is %v", text, l)
		}
	}
}
