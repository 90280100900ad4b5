package packet

// Features are what a device does for the packets given to its Write.
type Features uint8

const (
	// TxChecksum: the device completes a checksum left at [CsumPartial].
	TxChecksum Features = 1 << iota
	// TSO: the device splits a TCP packet of up to 64 KiB into segments.
	TSO
	// USO: the device splits a UDP packet of up to 64 KiB into datagrams.
	USO
)

// Has reports whether all of want is among f.
func (f Features) Has(want Features) bool { return f&want == want }

// Csum is the state of a packet's transport checksum.
type Csum uint8

const (
	// CsumFull: the field holds the whole checksum; who receives must verify it.
	CsumFull Csum = iota
	// CsumPartial: the field holds the folded sum of the pseudo-header alone; the
	// sum over the transport header and data is still to be added. A packet read
	// so never left the machine, and needs no check.
	CsumPartial
	// CsumValid: the device has verified the checksum (only on packets read).
	CsumValid
)

// GSO is the kind of super-segment a packet is.
type GSO uint8

const (
	GSONone GSO = iota // an ordinary packet
	GSOTCP             // a TCP segment to be split every SegSize payload bytes
	GSOUDP             // UDP datagrams of SegSize payload bytes back to back
)

// Offload says what of a packet is left to do, in the words of virtio_net_hdr.
// Its zero value is a packet that is complete.
type Offload struct {
	Csum       Csum
	GSO        GSO
	SegSize    uint16 // payload bytes per segment when GSO is set
	CsumStart  uint16 // where the transport header starts, from the IP header's first byte
	CsumOffset uint16 // where in the transport header the checksum field is
}
