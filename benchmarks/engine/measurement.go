package main

import "time"

// What is measured.
const (
	whatNew       = "new"       // observations of devices that were never seen
	whatUnchanged = "unchanged" // observations that say nothing new
	whatChanged   = "changed"   // observations of devices that turned
	whatDrain     = "drain"     // reports of devices that turned
	whatClaim     = "claim"     // claims of 20, without what follows
	whatUpdate    = "bare update"
	whatKeyAlone  = "bare update, primary key alone"
	whatCopy      = "bare COPY"
)

// measurement is one thing that was measured, round by round.
type measurement struct {
	What     string
	AtOnce   int  // callers of Observe or of the database, or workers
	Anywhere bool // the devices of a call are not neighbors
	Rounds   []round
}

// round is one measurement.
type round struct {
	PerSecond float64 // devices; of claims, claims

	// Client and Server are the processor's time for one device, or one claim,
	// in microseconds. Server is that of PostgreSQL's server; zero: there is
	// none, or it is elsewhere.
	Client, Server float64

	Millis float64 `json:",omitempty"` // of one claim, the median
}

func perSecond(r round) float64 { return r.PerSecond }
func millis(r round) float64    { return r.Millis }
func client(r round) float64    { return r.Client }
func serverOf(r round) float64  { return r.Server }

func (m *measurement) figure(of func(round) float64) figure {
	values := make([]float64, len(m.Rounds))
	for i, r := range m.Rounds {
		values[i] = of(r)
	}
	return figureOf(values)
}

// cell is one store at one size.
type cell struct {
	Store        string
	Database     string `json:",omitempty"` // version and settings
	Devices      int
	Tenants      int
	Measurements []*measurement
	Memory       memory
	Worker       memory  // of one worker process; zero: workers were engines of the one process
	FilledBytes  int64   // on disk, when every device was new and reported once
	UsedBytes    int64   // at the end
	Load         float64 // of the machine, the mean of the last minute at the end; zero: not known
}

// add notes a round of a measurement.
func (c *cell) add(what string, atOnce int, anywhere bool, r round) {
	m := c.find(what, atOnce, anywhere)
	if m == nil {
		m = &measurement{What: what, AtOnce: atOnce, Anywhere: anywhere}
		c.Measurements = append(c.Measurements, m)
	}
	m.Rounds = append(m.Rounds, r)
}

func (c *cell) find(what string, atOnce int, anywhere bool) *measurement {
	for _, m := range c.Measurements {
		if m.What == what && m.AtOnce == atOnce && m.Anywhere == anywhere {
			return m
		}
	}
	return nil
}

// meter adds up the time of what is measured, and leaves out what is between.
type meter struct {
	server                   serverTime
	took, client, serverTook time.Duration

	began       time.Time
	own, theirs time.Duration
}

func (m *meter) start() {
	m.own, m.theirs, m.began = ownTime(), m.server.now(), time.Now()
}

func (m *meter) stop() {
	m.took += time.Since(m.began)
	m.client += ownTime() - m.own
	m.serverTook += m.server.now() - m.theirs
}

// round answers what n devices, or claims, took.
func (m *meter) round(n int) round {
	each := float64(n)
	return round{PerSecond: each / m.took.Seconds(), Client: micros(m.client) / each, Server: micros(m.serverTook) / each}
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
