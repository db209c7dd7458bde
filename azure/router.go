package azure

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mdmkit/devicestatus/internal/guid"
	"github.com/mdmkit/devicestatus/status"
)

// Route says which platforms a channel serves.
type Route struct {
	Reporter  Reporter
	Platforms []Platform
}

// Router is one Reporter over several channels: it picks the channel by the
// report's platform. It has every optional interface and passes it on to the
// channel that has it too. The channels' names in receipts must differ, since
// a Receipt finds its channel by it. Safe for concurrent use where its channels
// are.
type Router struct {
	channels   []Reporter
	byPlatform map[Platform]int
}

var (
	_ BatchReporter    = (*Router)(nil)
	_ Checker          = (*Router)(nil)
	_ Deleter          = (*Router)(nil)
	_ InventoryCarrier = (*Router)(nil)
	_ Verifier         = (*Router)(nil)
	_ Preflighter      = (*Router)(nil)
	_ Deprovisioner    = (*Router)(nil)
)

// NewRouter answers a Router. A platform may stand in one route only; reports
// of a platform that stands in none are refused with [ErrUnsupported].
func NewRouter(routes ...Route) (*Router, error) {
	r := &Router{byPlatform: map[Platform]int{}}
	var faults []error
	for i, route := range routes {
		if route.Reporter == nil {
			faults = append(faults, fmt.Errorf("route %d has no reporter", i))
		}
		if len(route.Platforms) == 0 {
			faults = append(faults, fmt.Errorf("route %d has no platforms", i))
		}
		for _, p := range route.Platforms {
			if before, taken := r.byPlatform[p]; taken {
				faults = append(faults, fmt.Errorf("route %d: platform %v stands in route %d already", i, p, before))
			}
			if !p.known() {
				faults = append(faults, fmt.Errorf("route %d: %v is not a platform", i, p))
			}
			r.byPlatform[p] = i
		}
		r.channels = append(r.channels, route.Reporter)
	}
	if len(routes) == 0 {
		faults = append(faults, errors.New("no routes"))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("azure: router: %w", oneLine(faults))
	}
	return r, nil
}

func (p Platform) known() bool { return p != PlatformUnspecified && int(p) < len(platforms.Texts) }

// channel answers the channel of a report, or why there is none. A report
// without a platform is refused as its channel would refuse it.
func (r *Router) channel(op string, report Report) (int, error) {
	if i, ok := r.byPlatform[report.Platform]; ok {
		return i, nil
	}
	if !report.Platform.known() {
		return 0, report.Validate()
	}
	return 0, unsupported(op, fmt.Errorf("no channel is set up for %v devices", report.Platform))
}

func unsupported(op string, err error) *Error {
	return &Error{Op: "router: " + op, Kind: ErrUnsupported, Scope: ScopeDevice, Outcome: OutcomeNotSent, Err: err}
}

// Report implements [Reporter].
func (r *Router) Report(ctx context.Context, report Report) (Receipt, error) {
	i, err := r.channel("report", report)
	if err != nil {
		return Receipt{}, err
	}
	return r.channels[i].Report(ctx, report)
}

// ReportBatch implements [BatchReporter]. The channels work side by side. A
// channel that is no BatchReporter gets its reports one by one.
func (r *Router) ReportBatch(ctx context.Context, rs []Report) []Result {
	results := make([]Result, len(rs))
	for from := 0; from < len(rs); {
		from = r.reportRun(ctx, rs, results, from)
	}
	return results
}

// reportRun sends reports from a place on, up to the first whose device came
// before on another channel: the two must not be sent at once. It answers how
// far it came.
func (r *Router) reportRun(ctx context.Context, rs []Report, results []Result, from int) int {
	byChannel := make([][]int, len(r.channels)) // places in rs
	channelOf := map[[2]string]int{}
	to := from
	for ; to < len(rs); to++ {
		i, err := r.channel("report", rs[to])
		if err != nil {
			results[to].Err = err
			continue
		}
		device := [2]string{guid.Canonical(rs[to].TenantID), guid.Canonical(rs[to].DeviceID)}
		if before, seen := channelOf[device]; seen && before != i {
			break
		}
		channelOf[device] = i
		byChannel[i] = append(byChannel[i], to)
	}
	var channels sync.WaitGroup
	for i, places := range byChannel {
		if len(places) == 0 {
			continue
		}
		channels.Go(func() {
			group := make([]Report, len(places))
			for k, at := range places {
				group[k] = rs[at]
			}
			answers := reportAll(ctx, r.channels[i], group)
			for k, at := range places {
				if k < len(answers) {
					results[at] = answers[k]
				} else {
					results[at].Err = errNoResult()
				}
			}
		})
	}
	channels.Wait()
	return to
}

func reportAll(ctx context.Context, channel Reporter, group []Report) []Result {
	if batcher, ok := channel.(BatchReporter); ok {
		return batcher.ReportBatch(ctx, group)
	}
	results := make([]Result, len(group))
	for i, report := range group {
		results[i].Receipt, results[i].Err = channel.Report(ctx, report)
	}
	return results
}

// Check implements [Checker]: the receipt finds its channel by name, also in a
// process that did not send the report.
func (r *Router) Check(ctx context.Context, receipt Receipt) (Receipt, error) {
	if receipt.State == status.Successful || receipt.State == status.Failed {
		return receipt, nil
	}
	for _, channel := range r.channels {
		checker, ok := channel.(Checker)
		if !ok {
			continue
		}
		// Every channel refuses a foreign receipt in this way, without a call.
		checked, err := checker.Check(ctx, receipt)
		if !errors.Is(err, ErrUnsupported) {
			return checked, err
		}
	}
	return receipt, unsupported("check", fmt.Errorf("no channel that is set up answers receipts of %.40q", receipt.Channel))
}

// DeleteObject implements [Deleter].
func (r *Router) DeleteObject(ctx context.Context, report Report) (Receipt, error) {
	i, err := r.channel("delete", report)
	if err != nil {
		return Receipt{}, err
	}
	deleter, ok := r.channels[i].(Deleter)
	if !ok {
		return Receipt{}, unsupported("delete", fmt.Errorf("the channel of %v devices has no second step of removal", report.Platform))
	}
	return deleter.DeleteObject(ctx, report)
}

// CarriedInventory implements [InventoryCarrier]. A channel that does not say
// what it carries is taken to carry everything.
func (r *Router) CarriedInventory(p Platform, i Inventory) Inventory {
	at, ok := r.byPlatform[p]
	if !ok {
		return Inventory{}
	}
	if carrier, ok := r.channels[at].(InventoryCarrier); ok {
		return carrier.CarriedInventory(p, i)
	}
	return i
}

// Verify implements [Verifier] through the platform's own channel, or where
// that cannot, through the first other that can: Entra shows the devices of all
// channels.
func (r *Router) Verify(ctx context.Context, report Report) (Verification, error) {
	i, err := r.channel("verify", report)
	if err != nil {
		return Verification{}, err
	}
	for _, channel := range append([]Reporter{r.channels[i]}, r.channels...) {
		verifier, ok := channel.(Verifier)
		if !ok {
			continue
		}
		// A channel may read back the devices of its own platforms only.
		if v, err := verifier.Verify(ctx, report); !errors.Is(err, ErrUnsupported) {
			return v, err
		}
	}
	return Verification{}, unsupported("verify", errors.New("no channel that is set up reads devices back"))
}

// Deprovision implements [Deprovisioner] through every channel that has it. A
// channel for which the tenant was not set up is no error. Where one fails the
// others are asked all the same.
func (r *Router) Deprovision(ctx context.Context, tenantID string) error {
	var faults []error
	for _, channel := range r.channels {
		if d, ok := channel.(Deprovisioner); ok {
			if err := d.Deprovision(ctx, tenantID); err != nil && !errors.Is(err, ErrNotProvisioned) {
				faults = append(faults, err)
			}
		}
	}
	return errors.Join(faults...)
}

// Preflight implements [Preflighter]: what the channels of these platforms
// answer, one channel after the other in the order of the routes, then the
// platforms whose channel has no Preflight, and those without a channel.
func (r *Router) Preflight(ctx context.Context, tenantID string, platforms ...Platform) []Finding {
	var findings, without []Finding
	for i, channel := range r.channels {
		var own []Platform
		for _, p := range platforms {
			if at, ok := r.byPlatform[p]; ok && at == i {
				own = append(own, p)
			}
		}
		if len(own) == 0 {
			continue
		}
		if p, ok := channel.(Preflighter); ok {
			findings = append(findings, p.Preflight(ctx, tenantID, own...)...)
			continue
		}
		for _, p := range own {
			without = append(without, routing(p, CheckNotPossible, "its channel has no checks", "report a device and see"))
		}
	}
	findings = append(findings, without...)
	for _, p := range platforms {
		if _, ok := r.byPlatform[p]; !ok {
			findings = append(findings, routing(p, CheckFailed, "no channel is set up", "give the router a route for "+p.String()))
		}
	}
	return findings
}

func routing(p Platform, state CheckState, saw, advice string) Finding {
	return Finding{Check: "router: a channel for " + p.String(), State: state, Saw: saw, Advice: advice}
}
