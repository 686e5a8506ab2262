package devcluster

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// reservePort binds 127.0.0.1:port (0: a free one) without listening, so that connections are refused and no other
// program can take the port, while the API server, which shares ports too, can come and go. It returns the socket,
// whose Close gives the port back, and the port.
func reservePort(port int) (*os.File, int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("reserving a port: %w", err)
	}
	unix.CloseOnExec(fd)
	socket := os.NewFile(uintptr(fd), "port")
	port, err = bindShared(fd, port)
	if err != nil {
		socket.Close()
		return nil, 0, err
	}
	return socket, port, nil
}

func bindShared(fd, port int) (int, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return 0, fmt.Errorf("sharing a port with the API server: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, fmt.Errorf("binding 127.0.0.1:%d: %w", port, err)
	}
	address, err := unix.Getsockname(fd)
	if err != nil {
		return 0, fmt.Errorf("reading which port was bound: %w", err)
	}
	return address.(*unix.SockaddrInet4).Port, nil
}

// listen opens a free port of 127.0.0.1 for a part to accept connections on. It returns the socket and the port.
func listen() (*os.File, int, error) {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, 0, err
	}
	defer listener.Close() // File is a copy
	socket, err := listener.File()
	return socket, listener.Addr().(*net.TCPAddr).Port, err
}
