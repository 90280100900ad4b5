package dnsclient

import (
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// store remembers what is believed of the answer of one of c's servers. Its records
// then have the TTLs that the cache gives them.
func (t *task) store(c *cut, f *finding) {
	if f.kind == kindReferral {
		t.storeCut(f.cut, RankReferral, f.source)
		return
	}
	most := t.r.cache.cfg.MaxTTL
	for i, alias := range f.aliases {
		f.aliases[i] = uniform([]dns.RR{alias}, most)[0]
	}
	if f.q.Qtype == dns.TypeNS && f.q.Name == c.zone {
		most = c.left(most)
	}
	f.records = uniform(f.records, most)
	if f.soa != nil {
		f.soa = dns.Copy(f.soa).(*dns.SOA)
		f.soa.Hdr.Ttl = seconds(min(negativeTTL(f.soa), t.r.cache.cfg.MaxNegativeTTL))
	}
	t.r.cache.putSaid(t.ctx, f.q, &f.said, RankAuthAnswer, f.source)
	if f.cut != nil && t.r.usable(f.cut) {
		// The zone's own word on its servers is better than its parent's, but can't
		// outlast it, or a zone that is gone would live on (the ghost domain attack).
		f.cut.ns = uniform(f.cut.ns, c.left(t.r.cache.cfg.MaxTTL))
		t.storeCut(f.cut, RankAuthority, f.source)
	}
}

// storeCut remembers a zone's servers, and the addresses that came along.
func (t *task) storeCut(c *cut, rank Rank, source netip.AddrPort) {
	c.ns = uniform(c.ns, t.r.cache.cfg.MaxTTL)
	c.expires = time.Now().Add(time.Duration(c.ns[0].Header().Ttl) * time.Second)
	t.r.cache.PutRecords(t.ctx, c.ns, rank, source)
	for _, name := range c.names() {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
			t.r.cache.PutRecords(t.ctx, c.addresses(name, qtype), RankAdditional, source)
		}
	}
}

// uniform returns copies of a set of records, all with the least of their TTLs (RFC
// 2181 5.2), or the most there may be.
func uniform(records []dns.RR, most time.Duration) []dns.RR {
	ttl := seconds(max(most, 0))
	for _, rr := range records {
		ttl = min(ttl, rr.Header().Ttl)
	}
	list := copyRecords(records)
	for _, rr := range list {
		rr.Header().Ttl = ttl
	}
	return list
}

func seconds(d time.Duration) uint32 { return uint32(d / time.Second) }
