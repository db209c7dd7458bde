package azuretest

import (
	"testing"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
)

func TestTheFakeKeepsTheContract(t *testing.T) {
	t.Run("Windows", func(t *testing.T) { TestReporter(t, overFake(fake.Options{}, azure.PlatformWindows, asItIs)) })
	t.Run("iOS", func(t *testing.T) { TestReporter(t, overFake(fake.Options{}, azure.PlatformIOS, asItIs)) })
	t.Run("Late", func(t *testing.T) {
		TestReporter(t, overFake(fake.Options{Channel: "intune", SettleAfter: 3}, azure.PlatformAndroid, asItIs))
	})
	t.Run("LateWindows", func(t *testing.T) {
		TestReporter(t, overFake(fake.Options{SettleAfter: 1}, azure.PlatformWindows, asItIs))
	})
}
