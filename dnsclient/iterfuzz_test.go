package dnsclient

import (
	"context"
	"encoding/binary"
	"net"
	"testing"
	"testing/synctest"

	"github.com/miekg/dns"
)

// hostile is an Internet whose root server is honest and refers to evil. alone; at all
// other addresses is a server that answers as it likes.
type hostile struct {
	*internet
	forge func(q *dns.Msg) []byte
}

func (n *hostile) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if address != rootAddr+":53" {
		n.serve(network, address, func(c *fakeConn) {
			if q := c.query(); q != nil {
				c.send(n.forge(q))
			}
		})
	}
	return n.internet.DialContext(ctx, network, address)
}

// FuzzIterative: whatever servers answer, there is no panic, no more than so many
// queries, and nothing in the cache that a server may not speak of.
func FuzzIterative(f *testing.F) {
	q := question("www.evil.", dns.TypeA)
	for _, text := range []string{
		"aa\nwww.evil. A 192.0.2.80\nwww.google.com. A 203.0.113.66",
		"aa\nwww.evil. CNAME www.evil.",
		"aa\nwww.evil. CNAME a.evil.\na.evil. CNAME www.google.com.\nwww.google.com. A 203.0.113.66",
		";; authority\nwww.evil. NS ns.www.evil.\n;; additional\nns.www.evil. A 192.0.2.7\nwww.evil. AAAA 2001:db8::1",
		";; authority\n. NS ns.evil.\ngoogle.com. NS ns.evil.\n;; additional\nns.google.com. A 203.0.113.66",
		";; authority\nwww.evil. NS a.google.com.\nwww.evil. NS b.test.\nwww.evil. NS c.evil.\nwww.evil. NS d.evil.",
		"aa\nnxdomain\n;; authority\nevil. SOA a. b. 1 2 3 4 5",
		"aa\nnxdomain\n;; authority\n. SOA a. b. 1 2 3 4 5\ncom. SOA a. b. 1 2 3 4 5",
	} {
		m := message(q, text)
		b, rest := packed(m), packed(&dns.Msg{Question: m.Question})
		f.Add(binary.BigEndian.Uint16(b[2:]), uint8(len(m.Answer)), uint8(len(m.Ns)), uint8(len(m.Extra)), b[len(rest):])
	}
	f.Fuzz(func(t *testing.T, flags uint16, answers, authority, additional uint8, records []byte) {
		synctest.Test(t, func(t *testing.T) {
			n := &hostile{internet: newInternet(t)}
			n.forge = func(q *dns.Msg) []byte {
				b := packed(&dns.Msg{MsgHdr: dns.MsgHdr{Id: q.Id}, Question: q.Question})
				binary.BigEndian.PutUint16(b[2:], flags|1<<15)
				b[7], b[9], b[11] = answers, authority, additional
				return append(b, records...)
			}
			testHostile(t, n)
		})
	})
}

func testHostile(t *testing.T, n *hostile) {
	n.zone(rootAddr, ".", `
		. SOA a.root. host. 1 1800 900 604800 86400
		evil. NS ns.evil.
		ns.evil. A 192.0.2.3`)
	const limit = 30
	client, err := NewClient(ClientConfig{Dialer: n})
	if err != nil {
		t.Fatal(err)
	}
	r := newIterative(t, n.internet, func(cfg *IterativeConfig) {
		cfg.Client, cfg.MaxQueries, cfg.IPv6 = client, limit, true
	})
	for i, qtype := range []uint16{dns.TypeA, dns.TypeNS, dns.TypeDS} {
		_, _ = r.Resolve(t.Context(), question("www.evil.", qtype))
		if s := r.Stats(); s.Queries > uint64(limit*(i+1)) {
			t.Errorf("%d queries for %d questions", s.Queries, i+1)
		}
	}
	for _, e := range r.cache.Snapshot() {
		if e.Source.IsValid() && e.Source.Addr().String() != rootAddr && !inZone("evil.", e.Name) {
			t.Errorf("%v said of %s: %s", e.Source, e.Name, texts(e.Records))
		}
		for _, rr := range e.Records {
			if !inZone(rr.Header().Name, e.Name) && e.Kind != Positive {
				t.Errorf("%s is denied by %v", e.Name, rr)
			}
		}
	}
}
