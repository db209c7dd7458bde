package fake

import (
	"slices"

	"github.com/mdmkit/devicestatus/azure"
)

// OnRelease is the value of Options.SettleAfter with which only
// [Reporter.Release] settles a report.
const OnRelease = -1

// Options say what kind of channel a Reporter is. The zero value is a channel
// that serves every platform, knows every device and answers at once.
type Options struct {
	// Channel is Receipt.Channel. Default: "fake".
	Channel string

	// Platforms are served; a report of another is refused with
	// azure.ErrUnsupported before any call. Default: all.
	Platforms []azure.Platform

	// RegisteredOnly makes a report of a device that Register did not put into
	// the directory fail with azure.ErrDeviceNotFound. Default: the first
	// report of a device registers it.
	RegisteredOnly bool

	// SettleAfter makes the channel answer later: Report answers a receipt in
	// progress, and the nth Check of it settles the report, which only then
	// shows in the directory. With OnRelease no number of Checks does, and
	// Release does. Default, zero: Report answers at once.
	SettleAfter int
}

func (o *Options) channel() string {
	if o.Channel == "" {
		return "fake"
	}
	return o.Channel
}

func (o *Options) serves(p azure.Platform) bool {
	return len(o.Platforms) == 0 || slices.Contains(o.Platforms, p)
}
