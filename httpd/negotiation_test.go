package httpd

import (
	"math/big"
	"strings"
	"testing"
)

// FuzzNegotiation: whatever Accept and Accept-Encoding say, weights are from 0 to 1,
// a value that is refused alone is not sent, and two fields are one list.
func FuzzNegotiation(f *testing.F) {
	f.Add("gzip, br;q=0.5, *;q=0")
	f.Add("text/html;level=1;q=0.7, text/*;q=1e-3, */*")
	f.Add("identity;q=1, gzip;q=NaN,;q=,;;,=")
	f.Add("x-gzip")
	f.Fuzz(func(t *testing.T, field string) {
		for value, q := range qualities([]string{field}) {
			if !(q >= 0 && q <= 1) || value == "" || strings.ContainsAny(value, ",;") {
				t.Errorf("%q: %q has the weight %v", field, value, q)
			}
		}
		if acceptsGzip([]string{field, "gzip;q=0"}) {
			t.Errorf("%q, gzip;q=0 accepts gzip", field)
		}
		if prefersText([]string{field, "text/plain;q=0"}) {
			t.Errorf("%q, text/plain;q=0 prefers text", field)
		}
		if one, two := acceptsGzip([]string{field + ",br"}), acceptsGzip([]string{field, "br"}); one != two {
			t.Errorf("%q: in one list %v, in two fields %v", field, one, two)
		}
	})
}

// FuzzParseCount: a count is what its digits and its unit say, exactly, and at most 2^40.
func FuzzParseCount(f *testing.F) {
	for _, s := range []string{"0", "1048576", "1KiB", "1024GiB", "1025GiB", "18446744073709551616", "-1", "+1", "1_0", "KiB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := parseCount(s)
		digits, shift := s, uint(0)
		for i, unit := range []string{"KiB", "MiB", "GiB"} {
			if strings.HasSuffix(s, unit) {
				digits, shift = strings.TrimSuffix(s, unit), 10*uint(i+1)
			}
		}
		decimal := digits != "" && strings.Trim(digits, "0123456789") == ""
		want := new(big.Int)
		if decimal {
			want.SetString(digits, 10)
			want.Lsh(want, shift)
		}
		if wantOK := decimal && want.Cmp(big.NewInt(maxBytes)) <= 0; ok != wantOK || ok && want.Cmp(big.NewInt(n)) != 0 {
			t.Errorf("parseCount(%q) = %d, %v; want %v, %v", s, n, ok, want, wantOK)
		}
	})
}
