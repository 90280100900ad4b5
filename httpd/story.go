package httpd

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// step is a part of the story: a segment or more, and a line for each sentence.
type step struct {
	Name string
	Say  []string
}

func (t *step) say(format string, args ...any) {
	t.Say = append(t.Say, fmt.Sprintf(format, args...))
}

// sayIf says it if the stack told it.
func (t *step) sayIf(told bool, format string, args ...any) {
	if told {
		t.say(format, args...)
	}
}

// story tells what led to this request's answer, as far as it is known.
func (s *site) story(r *http.Request) []step {
	var info ConnInfo
	c := connectionOf(r)
	known := false
	if c != nil && s.cfg.ConnInfo != nil {
		info, known = s.cfg.ConnInfo(c.conn)
	}
	steps := []step{synStep(r, info), synAckStep(info), ackStep(info), requestStep(r, c), answerStep(info)}
	if known {
		steps = append(steps, soFarStep(info))
	} else {
		steps[1].say("What the two sides agreed on, only the TCP that carries us knows.")
	}
	return append(steps, finStep())
}

func synStep(r *http.Request, i ConnInfo) step {
	t := step{Name: "SYN"}
	t.say("You, %s, asked for a connection to %s.", endpoint(r.RemoteAddr), endpoint(localAddr(r)))
	t.sayIf(i.MSS > 0, "No segment to you carries more than %d bytes (MSS).", i.MSS)
	t.sayIf(i.WindowScale, "Your windows count in units of %d bytes (window scale %d).", unit(i.SndWscale), i.SndWscale)
	return t
}

func synAckStep(i ConnInfo) step {
	t := step{Name: "SYN, ACK"}
	t.say("We agreed.")
	t.sayIf(i.AdvMSS > 0, "No segment to us is to carry more than %d bytes (MSS).", i.AdvMSS)
	t.sayIf(i.WindowScale, "Our windows count in units of %d bytes (window scale %d).", unit(i.RcvWscale), i.RcvWscale)
	var options []string
	if i.SACK {
		options = append(options, "selective acknowledgments")
	}
	if i.Timestamps {
		options = append(options, "timestamps")
	}
	t.sayIf(options != nil, "Both sides use %s.", strings.Join(options, " and "))
	return t
}

func ackStep(i ConnInfo) step {
	t := step{Name: "ACK"}
	t.say("You confirmed, and the connection was established.")
	t.sayIf(i.RTT > 0, "A round trip takes %v, give or take %v (smoothed RTT).", brief(i.RTT), brief(i.RTTVar))
	t.sayIf(i.RTO > 0, "What is not acknowledged within %v is sent again (RTO).", brief(i.RTO))
	t.sayIf(i.PMTU > 0, "The path takes packets of %d bytes (MTU).", i.PMTU)
	return t
}

func requestStep(r *http.Request, c *connection) step {
	t := step{Name: clip(r.Method + " " + r.RequestURI)}
	if c == nil {
		t.say("You sent this request.")
		return t
	}
	n := c.requests.Load()
	t.say("You sent this request, number %d on this connection.", n)
	t.say("The connection was %v old.", brief(time.Since(c.accepted)))
	t.sayIf(n > 1, "It was there already: steps 1 to 3 were not needed again.")
	return t
}

func answerStep(i ConnInfo) step {
	t := step{Name: "200 OK"}
	t.say("We send you this page.")
	if i.Cwnd > 0 && i.MSS > 0 {
		t.say("Up to %d bytes, some %d segments, may be on their way at once (cwnd).", i.Cwnd, i.Cwnd/i.MSS)
	} else {
		t.sayIf(i.Cwnd > 0, "Up to %d bytes may be on their way at once (cwnd).", i.Cwnd)
	}
	t.sayIf(i.Congestion != "", "Congestion control is %s.", i.Congestion)
	t.sayIf(i.Cwnd > 0 && i.Ssthresh == 0, "Nothing was lost so far: it is in slow start.")
	t.sayIf(i.Ssthresh > 0, "Slow start ends at %d bytes (ssthresh).", i.Ssthresh)
	t.sayIf(i.SndWnd > 0, "You have room for %d bytes (your window).", i.SndWnd)
	t.sayIf(i.RcvWnd > 0, "We have room for %d bytes (our window).", i.RcvWnd)
	return t
}

func soFarStep(i ConnInfo) step {
	t := step{Name: "ACK"}
	t.say("Before this page, %d bytes came from you, and you acknowledged %d of ours.", i.BytesReceived, i.BytesAcked)
	t.say("We sent %d segments again.", i.Retransmits)
	t.sayIf(i.State != "", "The state of the connection is %s.", i.State)
	return t
}

func finStep() step {
	t := step{Name: "FIN, ACK, FIN, ACK"}
	t.say("When you have enough, you close: each side says so, and confirms it to the other.")
	t.say("Who closes first then waits in TIME-WAIT, for segments that are late.")
	return t
}

func unit(shift int) int { return 1 << min(max(shift, 0), 14) }

func endpoint(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "an address that is not known"
	}
	return host + " port " + port
}

// brief rounds to three digits or so.
func brief(d time.Duration) time.Duration {
	for unit := time.Second; unit > time.Nanosecond; unit /= 10 {
		if d >= unit {
			return d.Round(unit / 100)
		}
	}
	return d
}

// clip keeps a line of the page short.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
