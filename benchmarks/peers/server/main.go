// This server plays the part of Microsoft Graph that takes reports, on
// loopback, for the clients of this benchmark. Each session is a Graph of its
// own: the first segment of the path names it.
//
//	PUT  /{session}/script                        how to treat its calls
//	GET  /{session}/seen                          what was seen of it
//	PATCH /{session}/v1.0/devices(deviceId='…')   as Graph
//	POST /{session}/v1.0/$batch                   as Graph
//
// It does as little as it can while a client is measured: what came is kept,
// and checked when it is asked for.
package main

import (
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"

	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

func main() {
	protocol := flag.String("protocol", "http", "http, https (HTTP/1.1) or h2 (HTTP/2 over TLS)")
	flag.Parse()
	s := httptest.NewUnstartedServer(&graph{})
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	address := talk.Address{}
	switch *protocol {
	case "http":
		s.Start()
	case "https", "h2":
		s.EnableHTTP2 = *protocol == "h2"
		s.StartTLS()
		address.Certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	default:
		fmt.Fprintf(os.Stderr, "unknown protocol %q\n", *protocol)
		os.Exit(2)
	}
	address.URL = s.URL
	if err := json.NewEncoder(os.Stdout).Encode(address); err != nil {
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // closed when the benchmark ends
}
