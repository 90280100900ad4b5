package main

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const (
	gvisorBuffers        = "SACK, buffers of 4 MiB that grow to 8, receive buffer moderation"
	gvisorSettings       = "CUBIC, " + gvisorBuffers
	gvisorPacketSettings = "recvmmsg, host GSO of 64 KiB, GRO, RXChecksumOffload"
)

// openGvisorTUN puts netstack on a TUN device, a packet a read and a packet a
// write: fdbased knows offloads for sockets only.
func openGvisorTUN() (listenFunc, error) {
	s, err := newGvisorTUN(congestion)
	if err != nil {
		return nil, err
	}
	return listenGvisor(s), nil
}

func newGvisorTUN(algorithm string) (*stack.Stack, error) {
	fd, err := openPlainTUN()
	if err != nil {
		return nil, err
	}
	s, err := newGvisor(&fdbased.Options{FDs: []int{fd}, MTU: mtu}, algorithm)
	if err != nil {
		return nil, err
	}
	return s, setUp(tunName, clientPrefix)
}

func openPlainTUN() (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("/dev/net/tun: %w", err)
	}
	req, err := unix.NewIfreq(tunName)
	if err != nil {
		return -1, err
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return -1, fmt.Errorf("%s: %w", tunName, err)
	}
	return fd, nil
}

// openGvisorPacket puts netstack on a packet socket over veth, set as gVisor's
// own runsc sets it.
func openGvisorPacket() (listenFunc, error) {
	if err := setUp(serverVeth, netip.Prefix{}); err != nil {
		return nil, err
	}
	dev, err := net.InterfaceByName(serverVeth)
	if err != nil {
		return nil, err
	}
	fd, err := openPacketSocket(dev.Index)
	if err != nil {
		return nil, err
	}
	s, err := newGvisor(&fdbased.Options{
		FDs:                []int{fd},
		MTU:                mtu,
		EthernetHeader:     true,
		Address:            tcpip.LinkAddress(dev.HardwareAddr),
		PacketDispatchMode: fdbased.RecvMMsg,
		GSOMaxSize:         65536,
		GRO:                true,
		RXChecksumOffload:  true,
	}, congestion)
	if err != nil {
		return nil, err
	}
	return listenGvisor(s), nil
}

func openPacketSocket(device int) (int, error) {
	const (
		allProtocols = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL<<8&0xff00 // in network order
		buffer       = 4 << 20
	)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("a packet socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: allProtocols, Ifindex: device}); err != nil {
		return -1, fmt.Errorf("binding a packet socket: %w", err)
	}
	for _, o := range []struct{ level, name, value int }{
		{unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1},
		{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer},
		{unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, buffer},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return -1, fmt.Errorf("option %d of a packet socket: %w", o.name, err)
		}
	}
	return fd, nil
}

// newGvisor makes a stack with one interface.
func newGvisor(opts *fdbased.Options, algorithm string) (*stack.Stack, error) {
	const nic = 1
	dev, err := fdbased.New(opts)
	if err != nil {
		return nil, err
	}
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	if err := setGvisor(s, algorithm); err != nil {
		return nil, err
	}
	if err := s.CreateNIC(nic, dev); err != nil {
		return nil, fmt.Errorf("gvisor: CreateNIC: %s", err)
	}
	addr := tcpip.AddrFromSlice(serverPrefix.Addr().AsSlice())
	at := tcpip.AddressWithPrefix{Address: addr, PrefixLen: serverPrefix.Bits()}
	err2 := s.AddProtocolAddress(nic, tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: at}, stack.AddressProperties{})
	if err2 != nil {
		return nil, fmt.Errorf("gvisor: AddProtocolAddress: %s", err2)
	}
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return s, nil
}

func listenGvisor(s *stack.Stack) listenFunc {
	return func(port uint16) (net.Listener, error) {
		return gonet.ListenTCP(s, tcpip.FullAddress{Port: port}, ipv4.ProtocolNumber)
	}
}

// setGvisor sets TCP's options, as [gvisorSettings] says.
func setGvisor(s *stack.Stack, algorithm string) error {
	var (
		control  = tcpip.CongestionControlOption(algorithm)
		sack     = tcpip.TCPSACKEnabled(true)
		moderate = tcpip.TCPModerateReceiveBufferOption(true)
		receive  = tcpip.TCPReceiveBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: 4 << 20, Max: 8 << 20}
		send     = tcpip.TCPSendBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: 4 << 20, Max: 8 << 20}
	)
	for _, option := range []tcpip.SettableTransportProtocolOption{&control, &sack, &moderate, &receive, &send} {
		if err := s.SetTransportProtocolOption(tcp.ProtocolNumber, option); err != nil {
			return fmt.Errorf("gvisor: %T: %s", option, err)
		}
	}
	return nil
}
