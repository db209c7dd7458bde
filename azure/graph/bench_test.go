package graph_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/compliance"
)

type staticToken struct{}

func (staticToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// graphStub answers PATCH with 204 and $batch with 204 for every item, at the
// least cost that a server in Go can have.
func graphStub() http.Handler {
	answers := map[int][]byte{}
	for n := range 21 {
		var b bytes.Buffer
		b.WriteString(`{"responses":[`)
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"id":"%d","status":204,"headers":{"x-ms-resource-unit":"1"},"body":null}`, n-i)
		}
		b.WriteString(`]}`)
		answers[n] = b.Bytes()
	}
	var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := buffers.Get().(*bytes.Buffer)
		defer buffers.Put(buf)
		buf.Reset()
		_, _ = buf.ReadFrom(r.Body)
		if r.Method == http.MethodPatch {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		answer := answers[bytes.Count(buf.Bytes(), []byte(`"method"`))]
		w.Header()["Content-Type"] = []string{"application/json"}
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(answer))}
		_, _ = w.Write(answer)
	})
}

// stubAddress makes this test binary the server of a benchmark: what the
// server costs must not count as the client's.
const stubAddress = "DEVICESTATUS_BENCH_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(stubAddress) == "" {
		os.Exit(m.Run())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("http://" + listener.Addr().String())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // closed when the benchmark ends
		os.Exit(0)
	}()
	panic(http.Serve(listener, graphStub()))
}

// startStub starts the server in a process of its own.
func startStub(b *testing.B) (url string) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), stubAddress+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// cpu answers the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cost is what one device costs this process.
type cost struct{ cpu, allocs, bytes float64 }

// inTurns runs ours and theirs in turns of n calls of that many devices, so that both see the same
// machine, and reports the median cost of each and the ratio. One operation is
// a turn of each.
func inTurns(b *testing.B, n, devices int, ours, theirs func()) {
	b.Helper()
	turn := func(body func()) cost {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := cpu()
		for range n {
			body()
		}
		used := cpu() - began
		runtime.ReadMemStats(&after)
		return cost{
			float64(used.Nanoseconds()) / 1000, float64(after.Mallocs - before.Mallocs), float64(after.TotalAlloc - before.TotalAlloc),
		}
	}
	ours()
	theirs()
	var a, z []cost
	for b.Loop() {
		a = append(a, turn(ours))
		z = append(z, turn(theirs))
	}
	report := func(name string, of []cost) (cpu float64) {
		median := func(value func(cost) float64) float64 {
			values := make([]float64, len(of))
			for i, c := range of {
				values[i] = value(c) / float64(n*devices)
			}
			slices.Sort(values)
			return values[len(values)/2]
		}
		cpu = median(func(c cost) float64 { return c.cpu })
		b.ReportMetric(cpu, name+"-cpu-us/device")
		b.ReportMetric(median(func(c cost) float64 { return c.allocs }), name+"-allocs/device")
		b.ReportMetric(median(func(c cost) float64 { return c.bytes }), name+"-B/device")
		return cpu
	}
	b.ReportMetric(report("graph", a)/report("nethttp", z), "cpu-ratio")
	b.ReportMetric(0, "ns/op") // a turn means nothing
}

func benchReporter(b *testing.B, url string) *graph.Reporter {
	b.Helper()
	r, err := graph.New(staticToken{}, &graph.Options{ClientOptions: azcore.ClientOptions{
		InsecureAllowCredentialWithHTTP: true,
		Cloud: cloud.Configuration{
			ActiveDirectoryAuthorityHost: url,
			Services:                     map[cloud.ServiceName]cloud.ServiceConfiguration{graph.ServiceName: {Endpoint: url, Audience: "https://graph.microsoft.com"}},
		},
	}})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func benchReports(n int) []azure.Report {
	reports := make([]azure.Report, n)
	for i := range reports {
		reports[i] = azure.Report{
			TenantID: "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11",
			DeviceID: fmt.Sprintf("007c8232-9489-4074-9b35-%012x", i+1),
			Platform: azure.PlatformWindows,
			State:    compliance.StateNonCompliant,
			Trigger:  azure.TriggerChange,
		}
	}
	return reports
}

// BenchmarkReport compares one PATCH through the Reporter with the same PATCH
// through bare net/http, against the same server, in turns.
func BenchmarkReport(b *testing.B) {
	url := startStub(b)
	report := benchReports(1)[0]
	reporter := benchReporter(b, url)
	client := &http.Client{Transport: &http.Transport{}}
	inTurns(b, 200, 1, func() {
		if _, err := reporter.Report(b.Context(), report); err != nil {
			b.Fatal(err)
		}
	}, func() {
		body, err := json.Marshal(map[string]bool{"isManaged": true, "isCompliant": false})
		if err != nil {
			b.Fatal(err)
		}
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPatch, url+"/v1.0/devices(deviceId='"+report.DeviceID+"')", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer token")
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusNoContent {
			b.Fatal(resp.Status)
		}
	})
}

type handItem struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    map[string]bool   `json:"body"`
}

type handAnswer struct {
	Responses []struct {
		ID      string            `json:"id"`
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"responses"`
}

// BenchmarkReportBatch compares ReportBatch with a $batch call written by hand
// with encoding/json, in turns.
func BenchmarkReportBatch(b *testing.B) {
	url := startStub(b)
	const devices = 1000
	reports := benchReports(devices)
	reporter := benchReporter(b, url)
	client := &http.Client{Transport: &http.Transport{}}
	headers := map[string]string{"Content-Type": "application/json"}
	byHand := func(reports []azure.Report) {
		items := make([]handItem, len(reports))
		for i := range items {
			items[i] = handItem{
				ID: strconv.Itoa(i + 1), Method: http.MethodPatch, Headers: headers,
				URL:  "/devices(deviceId='" + reports[i].DeviceID + "')",
				Body: map[string]bool{"isManaged": true, "isCompliant": false},
			}
		}
		body, err := json.Marshal(map[string]any{"requests": items})
		if err != nil {
			b.Fatal(err)
		}
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url+"/v1.0/$batch", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer token")
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		defer resp.Body.Close()
		var answer handAnswer
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || len(answer.Responses) != len(items) {
			b.Fatal(len(answer.Responses), err)
		}
	}
	inTurns(b, 1, devices, func() {
		for i, result := range reporter.ReportBatch(b.Context(), reports) {
			if result.Err != nil {
				b.Fatal(i, result.Err)
			}
		}
	}, func() {
		for at := 0; at < devices; at += 20 {
			byHand(reports[at : at+20])
		}
	})
}
