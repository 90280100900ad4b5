package ipv4

const limitedBroadcast = 0xffffffff // RFC 1122 3.2.1.3(c)

// The ranges that RFC 1122 3.2.1.3 and RFC 6890 set apart, as the first bits of
// an address.
func thisNetwork(a uint32) bool { return a>>24 == 0 }      // 0.0.0.0/8
func loopback(a uint32) bool    { return a>>24 == 127 }    // 127.0.0.0/8
func linkLocal(a uint32) bool   { return a>>16 == 0xa9fe } // 169.254.0.0/16
func multicast(a uint32) bool   { return a>>28 == 0xe }    // 224.0.0.0/4
func reserved(a uint32) bool    { return a>>28 == 0xf }    // 240.0.0.0/4

// unicast reports whether one host could have the address.
func unicast(a uint32) bool { return !thisNetwork(a) && !multicast(a) && !reserved(a) }
