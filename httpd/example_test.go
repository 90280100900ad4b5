package httpd_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/tinystack/tinystack/httpd"
)

// The listener may be a stack's as well as, here, the kernel's.
func ExampleServer() {
	s, err := httpd.New(httpd.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go s.Serve(ln) // it ends with http.ErrServerClosed
	defer s.Shutdown(context.Background())

	resp, err := http.Get("http://" + ln.Addr().String() + "/hello")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Printf("%s%v\n", body, err)
	// Output:
	// hello
	// <nil>
}
