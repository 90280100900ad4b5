package dnsclient

import (
	"encoding/binary"
	"errors"

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
	if count(b, 4) == 0 && refusesUnread(bits) {
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
	asked, ok := firstQuestion(b)
	return ok && count(b, 4) == 1 && asked.Qtype == q.Qtype && asked.Qclass == q.Qclass &&
		dns.CanonicalName(asked.Name) == canonical(q.Name)
}

// canonical is CanonicalName of a name that is known to be one.
func canonical(name string) string {
	name, _ = CanonicalName(name)
	return name
}

// firstQuestion reads the question after the header.
func firstQuestion(b []byte) (q dns.Question, ok bool) {
	name, off, err := dns.UnpackDomainName(b, headerLen)
	if err != nil || len(b) < off+4 {
		return q, false
	}
	return dns.Question{Name: name, Qtype: binary.BigEndian.Uint16(b[off:]), Qclass: binary.BigEndian.Uint16(b[off+2:])}, true
}

// count is the number at a place in the header: 4 of questions, 6 of answers, 8 of
// authority records, 10 of others.
func count(b []byte, at int) int { return int(binary.BigEndian.Uint16(b[at:])) }

// unpack parses an answer, which must be whole. Of a truncated one the rest may be
// cut anywhere; as it will be asked for again, the header is all that matters.
func unpack(b []byte) (*dns.Msg, DropReason) {
	m, err := parse(b)
	switch {
	case err == nil:
		return m, ""
	case b[2]&(1<<1) != 0: // TC
		return headerOnly(b[:headerLen])
	}
	return nil, DropMalformed
}

// errCut is what is wrong with a message that ends early.
var errCut = errors.New("the message has less than its header says")

// parse parses a message of a header's length at least. It is strict where Unpack is
// not: all that the header says must be there. With an error the message is as far
// as it goes.
func parse(b []byte) (*dns.Msg, error) {
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		return m, err
	}
	if len(m.Question) > 0 {
		if _, ok := firstQuestion(b); !ok {
			return m, errCut
		}
	}
	if len(m.Question) != count(b, 4) || len(m.Answer) != count(b, 6) || len(m.Ns) != count(b, 8) || len(m.Extra) != count(b, 10) {
		return m, errCut
	}
	return m, nil
}

func headerOnly(b []byte) (*dns.Msg, DropReason) {
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		return nil, DropMalformed
	}
	return m, ""
}
