package link

// WaterConfig says which TUN device to open by the portable driver. Its zero
// value makes a new one, named by the system.
type WaterConfig struct {
	// Name of the interface, 15 bytes at most; on macOS it must be utun and a
	// number. Empty: the system's choice.
	Name string
	// MTU in bytes, 68 to 65535, to set on the interface. 0: as it is.
	MTU int
}
