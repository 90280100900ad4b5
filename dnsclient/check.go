package dnsclient

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// DropReason is why a message or a record that arrived was not used.
type DropReason string

// Reasons to drop a message. Those after the first two are RFC 5452's: whoever
// forges an answer has to guess all of these, and the port, at once.
const (
	DropShort     DropReason = "shorter than a header"
	DropQuery     DropReason = "a query, not an answer"
	DropID        DropReason = "wrong id"
	DropOpcode    DropReason = "wrong opcode"
	DropQuestion  DropReason = "wrong question"
	DropMalformed DropReason = "malformed"
)

// check returns the message in b if it is the answer to the question q that was
// sent with an id, else why not (RFC 5452 9.1). What the address and the port say
// is the socket's to check, which is connected.
func check(b []byte, id uint16, q dns.Question) (*dns.Msg, DropReason) {
	if len(b) < headerLen {
		return nil, DropShort
	}
	bits := binary.BigEndian.Uint16(b[2:])
	switch {
	case bits&(1<<15) == 0:
		return nil, DropQuery
	case binary.BigEndian.Uint16(b) != id:
		return nil, DropID
	case bits>>11&0xf != dns.OpcodeQuery:
		return nil, DropOpcode
	}
	if questions := binary.BigEndian.Uint16(b[4:]); questions == 0 && refusesUnread(bits) {
		return headerOnly(b[:headerLen])
	}
	if !asks(b, q) {
		return nil, DropQuestion
	}
	return unpack(b)
}

// refusesUnread reports whether the flags are those of a server that did not
// understand the query, so that it may not have repeated the question.
func refusesUnread(bits uint16) bool {
	rcode := bits & 0xf
	return rcode == dns.RcodeFormatError || rcode == dns.RcodeNotImplemented
}

// asks reports whether the one question in b is q. Case does not matter.
func asks(b []byte, q dns.Question) bool {
	if binary.BigEndian.Uint16(b[4:]) != 1 {
		return false
	}
	name, off, err := dns.UnpackDomainName(b, headerLen)
	return err == nil && len(b) >= off+4 &&
		binary.BigEndian.Uint16(b[off:]) == q.Qtype &&
		binary.BigEndian.Uint16(b[off+2:]) == q.Qclass &&
		dns.CanonicalName(name) == q.Name
}

// unpack parses a message that must be whole. Of a truncated one the rest may be
// cut anywhere; as it will be asked for again, the header is all that matters.
func unpack(b []byte) (*dns.Msg, DropReason) {
	m := new(dns.Msg)
	err := m.Unpack(b)
	if err == nil && whole(m, b) {
		return m, ""
	}
	if b[2]&(1<<1) != 0 { // TC
		return headerOnly(b[:headerLen])
	}
	return nil, DropMalformed
}

// whole reports whether there are as many records as the header says, which
// Unpack lets pass.
func whole(m *dns.Msg, b []byte) bool {
	count := func(at int) int { return int(binary.BigEndian.Uint16(b[at:])) }
	return len(m.Answer) == count(6) && len(m.Ns) == count(8) && len(m.Extra) == count(10)
}

func headerOnly(b []byte) (*dns.Msg, DropReason) {
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		return nil, DropMalformed
	}
	return m, ""
}
