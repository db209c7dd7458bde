package reporting_test

import (
	"context"
	"fmt"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/compliance"
)

// What was observed is kept whether or not the engine runs.
func ExampleEngine_Observe() {
	ctx := context.Background()
	engine, err := reporting.New(memstore.New(nil), fake.New(nil), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := engine.RegisterTenant(ctx, "contoso", tenantID); err != nil {
		fmt.Println(err)
		return
	}
	seen, err := engine.Observe(ctx, reporting.Observation{
		Account: "contoso", TenantID: tenantID, DeviceID: "pc-1", Platform: azure.PlatformWindows,
		AzureDeviceID: deviceID, State: compliance.Resolve(compliance.ActionQuarantine), SeenAt: time.Now(),
	})
	fmt.Println(seen.Changed, err)

	details, err := engine.Device(ctx, tenantID, "pc-1")
	fmt.Println(details.ComplianceStatus, err)
	fmt.Println("blank because:", details.Blank.ReportTime)
	// Output:
	// 1 <nil>
	// In-progress <nil>
	// blank because: not-called-yet
}
