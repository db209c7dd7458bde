package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/azure/msal"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/examples/internal/channels"
)

// account is the host's only one.
const account = "soak"

// The settings that are shorter than their defaults.
const (
	linger      = 3 * time.Second
	deleteAfter = 4 * time.Second
)

// leaseOf is the shortest lease that the engine takes beside a call's deadline.
func leaseOf(callTimeout time.Duration) time.Duration { return callTimeout + 10*time.Second }

// quotas are those of the engine and of the simulator. The zero value is what
// is published.
type quotas struct {
	Tenant, Application reporting.Quota
	Burst               int
}

// low are quotas that are reached.
func low() quotas {
	return quotas{
		Tenant:      reporting.Quota{Writes: 75, Window: 30 * time.Second},
		Application: reporting.Quota{Writes: 240, Window: 30 * time.Second},
		Burst:       12,
	}
}

// engineOptions are the settings of every engine here.
func engineOptions(callTimeout time.Duration, q quotas) *reporting.Options {
	return &reporting.Options{
		Lease: leaseOf(callTimeout), CallTimeout: callTimeout, Linger: linger, DeleteAfter: deleteAfter,
		FlapDelay: 2 * time.Second, Poll: 500 * time.Millisecond,
		TenantQuota: q.Tenant, ApplicationQuota: q.Application, Burst: q.Burst,
		GuardHolds: []compliance.State{}, // here many devices leave within an hour
	}
}

// workerArg makes the program a worker.
const workerArg = "-worker"

func isWorker(args []string) bool { return len(args) == 2 && args[1] == workerArg }

// orders are what a worker is told on its standard input. It works until that
// ends.
type orders struct {
	Number    int
	Host      string // address of the feed
	Microsoft microsoftAddress
	Tenants   []string
	Database  database
	Forget    int

	CallTimeout time.Duration
	Quotas      quotas
}

// microsoftAddress is how the simulator is reached.
type microsoftAddress struct {
	URL, Certificate string
	ClientID, Secret string
}

// connect makes the channels to the simulator. Requests name their sender.
func (m microsoftAddress) connect(name string) (azure.Reporter, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(m.Certificate)) {
		return nil, errors.New("the simulator's certificate cannot be read")
	}
	where := azcore.ClientOptions{
		Cloud: cloud.Configuration{
			ActiveDirectoryAuthorityHost: m.URL,
			Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
				graph.ServiceName:  {Endpoint: m.URL},
				intune.ServiceName: {Audience: "https://api.manage.microsoft.com/", Endpoint: "https://manage.microsoft.com"},
			},
		},
		Transport: &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 64,
		}},
		Retry:     policy.RetryOptions{MaxRetries: -1}, // the engine does its own waiting
		Telemetry: policy.TelemetryOptions{ApplicationID: name},
	}
	cred, err := msal.NewClientSecretCredential(m.ClientID, m.Secret, &msal.Options{ClientOptions: where, DisableInstanceDiscovery: true})
	if err != nil {
		return nil, err
	}
	c, err := channels.Connect(cred, where, m.URL[len("https://"):])
	if err != nil {
		return nil, err
	}
	return c.Router, nil
}

// work is the worker's process. It ends with 0 when its input has ended and
// Run has come to its end.
func work(stdin io.Reader, stderr io.Writer) int {
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	input := json.NewDecoder(stdin)
	var o orders
	if err := input.Decode(&o); err != nil {
		log.Error("no orders", "error", err)
		return 1
	}
	ctx, end := context.WithCancel(context.Background())
	defer end()
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // until the host ends it, or is gone
		end()
	}()
	if err := o.work(ctx, log); err != nil && ctx.Err() == nil {
		log.Error("the worker ends", "error", err)
		return 1
	}
	return 0
}

func (o *orders) work(ctx context.Context, log *slog.Logger) error {
	opened, db, err := o.Database.openPatiently(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	store, err := o.Database.awake(opened)
	if err != nil {
		return err
	}
	reporter, err := o.Microsoft.connect(senderName(o.Number))
	if err != nil {
		return err
	}
	options := engineOptions(o.CallTimeout, o.Quotas)
	options.Logger = log
	engine, err := reporting.New(store, reporter, options)
	if err != nil {
		return err
	}
	for _, tenant := range o.Tenants {
		for engine.RegisterTenant(ctx, account, tenant) != nil && ctx.Err() == nil {
			time.Sleep(100 * time.Millisecond) // the database is away for a moment
		}
	}
	var feeds sync.WaitGroup
	defer feeds.Wait()
	for range 2 {
		feeds.Go(func() {
			f := feeder{orders: o, engine: engine, log: log}
			f.run(ctx)
		})
	}
	return engine.Run(ctx)
}

// feeder hands what the host saw to the engine.
type feeder struct {
	*orders
	engine *reporting.Engine
	log    *slog.Logger
	seen   int // observations, to forget some
}

// run goes on until ctx ends.
func (f *feeder) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.once(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		// Not acknowledged: it comes again.
		f.log.Warn("nothing was taken", "error", err)
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (f *feeder) once(ctx context.Context) error {
	var b batch
	if err := f.ask(ctx, "/next", handOver{Worker: f.Number}, &b); err != nil {
		return err
	}
	if len(b.Observations) == 0 {
		return nil
	}
	kept := b.Observations
	if f.Forget > 0 {
		kept = nil
		for _, o := range b.Observations {
			if f.seen++; f.seen%f.Forget != 0 {
				kept = append(kept, o)
			}
		}
	}
	seen, err := f.engine.Observe(ctx, kept...)
	if err != nil {
		return err
	}
	ack := taken{Worker: f.Number, Batch: b.Number}
	for _, r := range seen.Refused {
		ack.Refused = append(ack.Refused, fmt.Sprintf("device %s: %v", kept[r.Index].DeviceID, r.Err))
	}
	return f.ask(ctx, "/taken", ack, nil)
}

// ask asks the host.
func (f *feeder) ask(ctx context.Context, path string, question, answer any) error {
	text, err := json.Marshal(question)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.Host+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the host answers %s", resp.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// senderName is what the requests of a worker to Microsoft begin with.
func senderName(worker int) string { return fmt.Sprintf("worker-%d", worker) }
