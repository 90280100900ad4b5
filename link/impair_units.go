package link

import (
	"math"
	"strconv"
	"strings"
)

// parsePercent reads "2.5%" as 0.025.
func parsePercent(s string) (float64, bool) {
	s, ok := strings.CutSuffix(s, "%")
	if !ok || !isDecimal(s) {
		return 0, false
	}
	// Not divided by 100, which would round, and once more when it is written.
	p, err := strconv.ParseFloat(s+"e-2", 64)
	return p, err == nil
}

// formatPercent returns what parsePercent reads as p, exactly.
func formatPercent(p float64) string {
	if p != p || p < 0 || math.IsInf(p, 0) { // only in an error
		return strconv.FormatFloat(100*p, 'g', -1, 64) + "%"
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(p, 'f', -1, 64), ".")
	for len(fraction) < 2 {
		fraction += "0"
	}
	whole, fraction = strings.TrimLeft(whole+fraction[:2], "0"), fraction[2:]
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole + "%"
}

// rateUnits are in bits a second, the longest names first: each ends in the last.
var rateUnits = []struct {
	name string
	bits int64
}{{"tbit", 1e12}, {"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}

// parseRate reads "1.5mbit" as 1500000.
func parseRate(s string) (int64, bool) {
	for _, u := range rateUnits {
		n, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(n, 64)
		if !isDecimal(n) || err != nil {
			return 0, false
		}
		return int64(math.Round(min(f*float64(u.bits), 2*maxRate))), true
	}
	return 0, false
}

// formatRate returns the rate in the largest unit that has it as a whole number.
func formatRate(rate int64) string {
	for _, u := range rateUnits {
		if rate != 0 && rate%u.bits == 0 {
			return strconv.FormatInt(rate/u.bits, 10) + u.name
		}
	}
	return strconv.FormatInt(rate, 10) + "bit"
}

// isDecimal reports whether s is digits with at most one point, and no sign,
// exponent or name of a number.
func isDecimal(s string) bool {
	digits := strings.Replace(s, ".", "", 1)
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}
