package ipv4

// Option types (RFC 791 3.1), with their copied flag and class.
const (
	optEnd        = 0
	optNop        = 1
	optLooseRoute = 131
	optStrict     = 137
	optCopied     = 0x80 // goes into every fragment
)

// options is what a look through a header's options found.
type options struct {
	sourceRoute bool // loose or strict
	malformed   bool
	pointer     uint8 // to the byte in error, from the start of the IP header
}

// checkOptions walks through the options b, each of which must lie within b
// (RFC 1122 3.2.1.8, RFC 1812 5.2.4.1). What it doesn't know, it skips.
func checkOptions(b []byte) (o options) {
	for i := 0; i < len(b); {
		typ, n := optionAt(b[i:])
		if typ == optEnd {
			break
		}
		if n == 0 {
			o.malformed, o.pointer = true, uint8(minHeaderLen+i+min(1, len(b)-i-1))
			break
		}
		o.sourceRoute = o.sourceRoute || typ == optLooseRoute || typ == optStrict
		i += n
	}
	return o
}

// copiedOptions appends to dst those of the options b that go into every
// fragment (RFC 791 3.1, "copied flag").
func copiedOptions(dst, b []byte) []byte {
	for len(b) > 0 {
		typ, n := optionAt(b)
		if typ == optEnd || n == 0 {
			break
		}
		if typ&optCopied != 0 {
			dst = append(dst, b[:n]...)
		}
		b = b[n:]
	}
	return dst
}

// optionAt returns the type and length of the option that b, which is not empty,
// starts with. Length 0: it is malformed.
func optionAt(b []byte) (typ uint8, n int) {
	if b[0] == optEnd || b[0] == optNop {
		return b[0], 1
	}
	if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
		return b[0], 0
	}
	return b[0], int(b[1])
}
