package tcp

// State is a connection's state (RFC 9293 3.3.2).
type State uint8

// The eleven states. LISTEN is a [Listener]; a passive SYN-RECEIVED is a record
// in its SYN queue; TIME-WAIT is a record in the layer.
const (
	Closed State = iota
	Listen
	SynSent
	SynReceived
	Established
	FinWait1
	FinWait2
	CloseWait
	Closing
	LastAck
	TimeWait
)

// String returns the state's name in the words of RFC 9293.
func (s State) String() string {
	return [...]string{
		"CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
		"FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT",
	}[s]
}

// synchronized: both ends have agreed on the sequence numbers.
func (s State) synchronized() bool { return s >= Established }

// receives: the other end may still send data.
func (s State) receives() bool { return s == Established || s == FinWait1 || s == FinWait2 }
