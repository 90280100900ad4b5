// Package pcapng writes packets in the format of Wireshark and tcpdump
// ([draft-ietf-opsawg-pcapng]): a section header, the interfaces, a block for
// each packet with its direction, its comments and how many were missed before
// it, and statistics.
//
// It is a writer only, of one section, little-endian, with times in nanoseconds.
// It leaves out what it has no use for: name resolution, secrets, other packet
// blocks, and hashes. gopacket's writer knows no options of packets; its
// reader reads what this one writes.
//
// Each block is one Write, so that a stream is never cut within a block by us.
// The writer owns one buffer and no goroutine, and is for one goroutine.
//
// [draft-ietf-opsawg-pcapng]: https://datatracker.ietf.org/doc/html/draft-ietf-opsawg-pcapng
package pcapng
