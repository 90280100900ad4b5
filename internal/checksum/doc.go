// Package checksum computes the Internet checksum of IPv4, ICMP, TCP and UDP:
// the 16-bit ones' complement of the ones' complement sum of a packet's 16-bit
// words, by [RFC 1071].
//
// It knows no header but the pseudo-header that TCP and UDP put before theirs;
// where the field is, and what zero means in it, is the caller's to know.
//
// [RFC 1071]: https://www.rfc-editor.org/rfc/rfc1071
package checksum
