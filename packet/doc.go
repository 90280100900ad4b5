// Package packet is a packet in memory: the pooled buffer it arrives in, the
// headroom it is built in, and what of it is left to the device (checksum,
// segmentation), and why it is there, if somebody listens ([trace]). It is what the
// layers hand to each other, and knows none of them.
//
// A device may have several queues: In.Queue and Out.Queue are numbers of them, 0 where it has
// one. What answers a packet leaves on the queue that it came in on.
//
// Ownership: an [In] and its [Buffer] belong to the goroutine that reads the
// device, until a socket calls [In.Take]; an [Out] belongs to who sends it, and
// no device keeps it, or what its Body points to, after Write returns.
package packet
