package component

import (
	"net"
	"testing"
	"time"
)

// FreeAddress gives an address of the loopback that nobody listens on now, for a program that cannot choose one itself.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// Listens waits until a program answers at its address.
func Listens(t testing.TB, name, address string) {
	t.Helper()
	dialer := net.Dialer{Timeout: time.Second}
	for range 3000 { // a minute
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s does not listen at %s", name, address)
}
