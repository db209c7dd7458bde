package intune

import (
	"context"
	"sync"

	"github.com/mdmkit/devicestatus/azure"
)

// ReportBatch sends many reports, up to Options.MessagesInFlight messages at
// once: see [azure.BatchReporter] for the contract. Reports of one device go
// one after the other. It returns when all messages have been answered.
func (r *Reporter) ReportBatch(ctx context.Context, rs []azure.Report) []azure.Result {
	const op = "intune: report in a batch"
	results := make([]azure.Result, len(rs))
	work := make(chan []*parcel)
	var workers sync.WaitGroup
	queues := r.queues(op, rs, results)
	for range min(r.o.MessagesInFlight, len(queues)) {
		workers.Go(func() {
			for queue := range work {
				for _, m := range queue {
					r.deliver(ctx, op, m, results)
				}
			}
		})
	}
	for _, queue := range queues {
		work <- queue
	}
	close(work)
	workers.Wait()
	return results
}

// deliver sends one message and writes the results of its reports. Where one
// report's user is not found, the others go without it.
func (r *Reporter) deliver(ctx context.Context, op string, m *parcel, results []azure.Result) {
	whole := *m
	whole.at, whole.reports, whole.notes = nil, nil, nil
	for i, report := range m.reports {
		if len(m.reports) > 1 {
			if _, failure := r.user(ctx, op, report); failure != nil {
				results[m.at[i]].Err = failure
				continue
			}
		}
		whole.at = append(whole.at, m.at[i])
		whole.reports = append(whole.reports, report)
		whole.notes = append(whole.notes, m.notes[i])
	}
	if len(whole.reports) == 0 {
		return
	}
	failure := r.send(ctx, op, &whole)
	for i, at := range whole.at {
		if failure != nil {
			own := *failure
			results[at].Err = &own
			continue
		}
		results[at].Receipt = whole.receipt(i)
	}
}

// queues answers the messages to send, those that share a device in one queue
// in their order. What cannot be sent has its result already.
func (r *Reporter) queues(op string, rs []azure.Report, results []azure.Result) [][]*parcel {
	var queues [][]*parcel
	byDevice := map[[2]string]int{} // the queue of a device
	open := map[string]int{}        // the queue of a tenant whose first message has room
	for i := range rs {
		prepared, notes, err := accept(op, rs[i])
		if err != nil {
			results[i].Err = err
			continue
		}
		device := [2]string{prepared.TenantID, prepared.DeviceID}
		if q, ok := byDevice[device]; ok {
			queues[q] = append(queues[q], single(i, &prepared, notes))
			continue
		}
		if q, ok := open[prepared.TenantID]; ok && len(queues[q][0].reports) < r.o.DevicesPerMessage {
			first := queues[q][0]
			first.at = append(first.at, i)
			first.reports = append(first.reports, &prepared)
			first.notes = append(first.notes, notes)
			byDevice[device] = q
			continue
		}
		open[prepared.TenantID] = len(queues)
		byDevice[device] = len(queues)
		queues = append(queues, []*parcel{single(i, &prepared, notes)})
	}
	return queues
}

func single(at int, r *azure.Report, notes []string) *parcel {
	return &parcel{at: []int{at}, reports: []*azure.Report{r}, notes: [][]string{notes}}
}
