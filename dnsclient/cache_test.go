package dnsclient

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

func newCache(t *testing.T, cfg CacheConfig) *Cache {
	t.Helper()
	c, err := NewCache(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Cache) putAnswer(ctx context.Context, records ...string) {
	var list []dns.RR
	for _, s := range records {
		list = append(list, rr(s))
	}
	c.PutRecords(ctx, list, RankAnswer, server1)
}

// soa is a zone's with a TTL of 600 s, which says 300 s for what does not exist.
func soa(zone string) *dns.SOA {
	return rr(zone + " 600 IN SOA ns.example. host.master.example. 1 7200 3600 1209600 300").(*dns.SOA)
}

func (c *Cache) want(t *testing.T, name string, qtype uint16, want string) {
	t.Helper()
	e, ok := c.Get(t.Context(), name, qtype)
	got := "nothing"
	if ok {
		got = fmt.Sprintf("%s %v", e.Kind, e.TTL)
	}
	if got != want {
		t.Errorf("%s %s: %s, want %s", name, dns.TypeToString[qtype], got, want)
	}
}

func TestCachePositive(t *testing.T) { synctest.Test(t, testCachePositive) }

func testCachePositive(t *testing.T) {
	c := newCache(t, CacheConfig{MaxStale: -1})
	// "as if all TTLs in the RRSet had been set to the value of the lowest TTL in the RRSet"
	// https://www.rfc-editor.org/rfc/rfc2181#section-5.2
	c.putAnswer(t.Context(), "www.Example. 300 IN A 192.0.2.1", "www.example. 100 IN A 192.0.2.2")
	time.Sleep(40 * time.Second)
	e, ok := c.Get(t.Context(), "WWW.example.", dns.TypeA)
	if want := "www.Example. 60 IN A 192.0.2.1; www.example. 60 IN A 192.0.2.2"; !ok || texts(e.Records) != want {
		t.Fatalf("%v, %q; want %q", ok, texts(e.Records), want)
	}
	if e.TTL != time.Minute || e.Source != server1 || e.Rank != RankAnswer || e.Stale {
		t.Errorf("entry %+v", e)
	}
	e.Records[0].Header().Ttl = 1 // ours: the cache has its own
	c.want(t, "www.example.", dns.TypeA, "positive 1m0s")
	c.want(t, "www.example.", dns.TypeAAAA, "nothing")
	time.Sleep(time.Minute - time.Nanosecond)
	c.want(t, "www.example.", dns.TypeA, "positive 1ns")
	time.Sleep(time.Nanosecond)
	c.want(t, "www.example.", dns.TypeA, "nothing")
	if s := c.Stats(); s.Hits != 3 || s.Misses != 2 || s.Expired != 1 || s.Entries != 0 || s.Bytes != 0 {
		t.Errorf("counters %+v", s)
	}
}

// A TTL of 0 is for the one who asked; one with the highest bit set is long, which
// is cut to what the config has (RFC 8767 4).
func TestCacheOddTTLs(t *testing.T) { synctest.Test(t, testCacheOddTTLs) }

func testCacheOddTTLs(t *testing.T) {
	c := newCache(t, CacheConfig{})
	c.putAnswer(t.Context(), "zero.example. 0 IN A 192.0.2.1")
	c.putAnswer(t.Context(), "huge.example. 4294967295 IN A 192.0.2.1")
	c.want(t, "zero.example.", dns.TypeA, "nothing")
	c.want(t, "huge.example.", dns.TypeA, "positive 24h0m0s")
}

func TestCacheNegative(t *testing.T) { synctest.Test(t, testCacheNegative) }

func testCacheNegative(t *testing.T) {
	c, ctx := newCache(t, CacheConfig{MaxStale: -1}), t.Context()
	// "The TTL of this record is set from the minimum of the MINIMUM field of the SOA
	// record and the TTL of the SOA itself"
	// https://www.rfc-editor.org/rfc/rfc2308#section-3
	c.PutNegative(ctx, NoData, "www.example.", dns.TypeMX, soa("example."), RankAnswer, server1)
	c.want(t, "www.example.", dns.TypeMX, "nodata 5m0s")
	c.want(t, "www.example.", dns.TypeA, "nothing")
	// Nor does anything below it exist. https://www.rfc-editor.org/rfc/rfc8020#section-2
	c.PutNegative(ctx, NXDomain, "gone.example.", dns.TypeMX, soa("example."), RankAnswer, server1)
	c.want(t, "gone.example.", dns.TypeA, "nxdomain 5m0s")
	c.want(t, "below.it.gone.example.", dns.TypeA, "nxdomain 5m0s")
	c.want(t, "notgone.example.", dns.TypeA, "nothing")
	// "Negative responses without SOA records SHOULD NOT be cached"
	// https://www.rfc-editor.org/rfc/rfc2308#section-5
	c.PutNegative(ctx, NXDomain, "nosoa.example.", dns.TypeA, nil, RankAnswer, server1)
	c.want(t, "nosoa.example.", dns.TypeA, "nothing")
	// What has records exists, and so do the names above it.
	c.putAnswer(ctx, "x.gone.example. 60 IN A 192.0.2.1")
	c.want(t, "gone.example.", dns.TypeA, "nothing")
	time.Sleep(5 * time.Minute)
	c.want(t, "www.example.", dns.TypeMX, "nothing")
}

// Failures are remembered for a second at least, and never longer than 5 minutes.
// https://www.rfc-editor.org/rfc/rfc9520#section-3.2
func TestCacheFailures(t *testing.T) { synctest.Test(t, testCacheFailures) }

func testCacheFailures(t *testing.T) {
	c, ctx := newCache(t, CacheConfig{}), t.Context()
	broken := errors.New("broken")
	for _, want := range []string{"5s", "10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s"} {
		c.PutFailure(ctx, "www.example.", dns.TypeA, broken, netip.AddrPort{})
		c.want(t, "www.example.", dns.TypeA, "failure "+want)
		d, _ := time.ParseDuration(want)
		time.Sleep(d)
		c.want(t, "www.example.", dns.TypeA, "nothing")
	}
	c.want(t, "www.example.", dns.TypeMX, "nothing")
	c.PutFailure(ctx, "www.example.", dns.TypeA, broken, netip.AddrPort{})
	c.putAnswer(ctx, "www.example. 60 IN A 192.0.2.1")
	c.want(t, "www.example.", dns.TypeA, "positive 1m0s")
	time.Sleep(time.Minute)
	c.PutFailure(ctx, "www.example.", dns.TypeA, broken, netip.AddrPort{})
	c.want(t, "www.example.", dns.TypeA, "failure 30s") // a stale answer can be given for so long
}

// What is stale is there for when it can't be refreshed, with a TTL of 30 seconds
// (RFC 8767 4), and for a day.
func TestCacheStale(t *testing.T) { synctest.Test(t, testCacheStale) }

func testCacheStale(t *testing.T) {
	c, ctx := newCache(t, CacheConfig{}), t.Context()
	c.putAnswer(ctx, "www.example. 60 IN A 192.0.2.1")
	c.PutNegative(ctx, NXDomain, "gone.example.", dns.TypeA, soa("example."), RankAnswer, server1)
	time.Sleep(time.Hour)
	c.want(t, "www.example.", dns.TypeA, "nothing")
	e, ok := c.GetStale(ctx, "www.example.", dns.TypeA)
	if want := "www.example. 30 IN A 192.0.2.1"; !ok || texts(e.Records) != want || !e.Stale || e.TTL != -59*time.Minute {
		t.Errorf("%v %+v, want %q, stale for 59m", ok, e, want)
	}
	if e, ok := c.GetStale(ctx, "gone.example.", dns.TypeA); !ok || e.Kind != NXDomain {
		t.Errorf("%v %+v, want the NXDomain", ok, e)
	}
	time.Sleep(24 * time.Hour)
	if e, ok := c.GetStale(ctx, "www.example.", dns.TypeA); ok {
		t.Errorf("after a day there is still %+v", e)
	}
}

// "Data from a less trusted source does not replace that of a more trusted one"
// while that is fresh: https://www.rfc-editor.org/rfc/rfc2181#section-5.4.1
func TestCacheRank(t *testing.T) { synctest.Test(t, testCacheRank) }

func testCacheRank(t *testing.T) {
	c, ctx := newCache(t, CacheConfig{}), t.Context()
	put := func(address string, rank Rank) {
		c.PutRecords(ctx, []dns.RR{rr("ns.example. 60 IN A " + address)}, rank, server1)
	}
	want := func(record string) {
		t.Helper()
		if e, _ := c.Get(ctx, "ns.example.", dns.TypeA); texts(e.Records) != record {
			t.Errorf("%q, want %q", texts(e.Records), record)
		}
	}
	put("192.0.2.1", RankAdditional)
	put("192.0.2.2", RankAuthAnswer)
	put("203.0.113.66", RankAdditional)
	want("ns.example. 60 IN A 192.0.2.2")
	put("192.0.2.3", RankAuthAnswer)
	want("ns.example. 60 IN A 192.0.2.3")
	time.Sleep(time.Minute)
	put("192.0.2.4", RankAdditional)
	want("") // for it is kept, but "should not be returned as answers"
	if e, _ := c.peek("ns.example.", dns.TypeA); texts(e.Records) != "ns.example. 60 IN A 192.0.2.4" {
		t.Errorf("%q is kept", texts(e.Records))
	}
	c.PutNegative(ctx, NXDomain, "gone.example.", dns.TypeA, soa("example."), RankAuthority, server1)
	c.PutRecords(ctx, []dns.RR{rr("x.gone.example. 60 IN A 192.0.2.1")}, RankAdditional, server1)
	c.want(t, "gone.example.", dns.TypeA, "nxdomain 5m0s") // glue is no proof against it
	if s := c.Stats(); s.Outranked != 1 {
		t.Errorf("%d outranked, want 1", s.Outranked)
	}
}

// However much is put in, the cache stays within its bounds, and what is in use stays.
func TestCacheIsBounded(t *testing.T) { synctest.Test(t, testCacheIsBounded) }

func testCacheIsBounded(t *testing.T) {
	ctx := t.Context()
	byCount := newCache(t, CacheConfig{MaxEntries: 100})
	byBytes := newCache(t, CacheConfig{MaxBytes: 32 << 10})
	for _, c := range []*Cache{byCount, byBytes} {
		c.putAnswer(ctx, "used.example. 60 IN A 192.0.2.1")
		for i := range 1000 {
			c.putAnswer(ctx, fmt.Sprintf("n%d.example. 60 IN TXT %q", i, "a text"))
			c.PutFailure(ctx, fmt.Sprintf("f%d.example.", i), dns.TypeA, errors.New("x"), server1)
			if _, ok := c.Get(ctx, "used.example.", dns.TypeA); !ok {
				t.Fatalf("what is in use was evicted after %d", i)
			}
		}
		s := c.Stats()
		if s.Entries > 100 || s.Bytes > 64<<10 || s.Evictions < 1800 || int(s.Entries) != len(c.Snapshot()) {
			t.Errorf("counters %+v, a snapshot of %d", s, len(c.Snapshot()))
		}
	}
	if s := byBytes.Stats(); s.Bytes > 32<<10 || s.Entries < 20 {
		t.Errorf("counters %+v", s)
	}
	var many []dns.RR
	for i := range 200 {
		many = append(many, rr(fmt.Sprintf("many.example. 60 IN A 192.0.2.%d", i)))
	}
	byBytes.PutRecords(ctx, many, RankAnswer, server1)
	if s := byBytes.Stats(); s.TooLarge != 1 {
		t.Errorf("a set of over a quarter of the cache was stored: %+v", s)
	}
	byCount.Flush()
	if s := byCount.Stats(); s.Entries != 0 || s.Bytes != 0 {
		t.Errorf("after Flush %+v", s)
	}
}

func TestCacheTrace(t *testing.T) { synctest.Test(t, testCacheTrace) }

func testCacheTrace(t *testing.T) {
	c := newCache(t, CacheConfig{})
	var told []string
	ctx := WithTrace(t.Context(), &Trace{
		CacheHit:   func(e Entry) { told = append(told, fmt.Sprintf("hit %s %v", e.Name, e.TTL)) },
		CacheMiss:  func(q dns.Question) { told = append(told, "miss "+q.Name) },
		CacheStore: func(e Entry) { told = append(told, fmt.Sprintf("store %s %v", e.Name, e.TTL)) },
	})
	c.Get(ctx, "www.example.", dns.TypeA)
	c.putAnswer(ctx, "www.example. 60 IN A 192.0.2.1")
	time.Sleep(time.Second)
	c.Get(ctx, "www.example.", dns.TypeA)
	if got, want := fmt.Sprint(told), "[miss www.example. store www.example. 1m0s hit www.example. 59s]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestCacheConfig(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]CacheConfig{
		"dnsclient: CacheConfig.MaxEntries -1: want 1 to 16777216":      {MaxEntries: -1},
		"dnsclient: CacheConfig.MaxBytes 1: want 4096 to 1073741824":    {MaxBytes: 1},
		"dnsclient: CacheConfig.MaxTTL 1ns: want 1s to 168h0m0s":        {MaxTTL: 1},
		"dnsclient: CacheConfig.MaxNegativeTTL 1ns: want 1s to 24h0m0s": {MaxNegativeTTL: 1},
		"dnsclient: CacheConfig.FailureTTL 10m0s: want 1s to 5m0s":      {FailureTTL: 10 * time.Minute},
		"dnsclient: CacheConfig.MaxStale 720h0m0s: want 1s to 168h0m0s": {MaxStale: 720 * time.Hour},
	} {
		if _, err := NewCache(cfg); err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
}
