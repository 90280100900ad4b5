package udp

import (
	"net/netip"
	"slices"
)

// ConnInfo is a socket as a tool like ss lists it.
type ConnInfo struct {
	Local     netip.AddrPort
	Remote    netip.AddrPort // the zero value if not connected
	Queued    int            // memory in bytes that waiting datagrams take
	ReadLimit int            // of Queued
	Drops     uint64         // datagrams lost as the queue was full
}

// Conns lists the sockets, ordered by local address and port.
func (l *Layer) Conns() []ConnInfo {
	var infos []ConnInfo
	for _, c := range l.table.all() {
		infos = append(infos, c.info())
	}
	slices.SortFunc(infos, func(a, b ConnInfo) int { return a.Local.Compare(b.Local) })
	return infos
}

func (c *Conn) info() ConnInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ConnInfo{
		Local:     c.local,
		Remote:    c.remote,
		Queued:    c.queue.bytes,
		ReadLimit: c.limit,
		Drops:     c.drops,
	}
}
