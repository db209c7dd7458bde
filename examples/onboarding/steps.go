package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// step is one step of a tenant's way. do says what was done.
type step struct {
	name string
	do   func(context.Context) (did string, err error)
}

// service is the MDM service, with what it keeps between the steps.
type service struct {
	*world
	policyID  string
	updatedAt time.Time // of the reports before
}

func (s *service) steps() []step {
	return []step{
		{"the administrator consents", s.consented},
		{"the administrator adds the partner for iOS, in the Intune admin center", s.added},
		{"the service provisions the tenant", s.provision},
		{"it makes a compliance policy", s.policy},
		{"it assigns the policy to a group", s.assign},
		{"it sees whether all is set up", s.preflight},
		{"it reports a phone and a PC as compliant", s.report(compliance.StateCompliant)},
		{"it reads both back", s.verify(compliance.StateCompliant)},
		{"the customer leaves: both are removed", s.report(compliance.StateRemoved)},
		{"it reads both back", s.verify(compliance.StateRemoved)},
		{"the service deprovisions the tenant", s.deprovision},
	}
}

// account is the service's own name of the customer's account, whose session
// asks for the consent and gets the redirect.
const account = "account-17"

func (s *service) consented(ctx context.Context) (string, error) {
	consents, err := intune.NewConsents(clientID, redirectURL, s.Cloud, nil)
	if err != nil {
		return "", err
	}
	at, err := consents.URL(ctx, account, s.tenantID)
	if err != nil {
		return "", err
	}
	query, err := s.consent(ctx, at)
	if err != nil {
		return "", err
	}
	tenant, err := consents.Check(ctx, account, query)
	return "tenant " + tenant + " came back with the state that was given out", err
}

func (s *service) added(context.Context) (string, error) {
	s.addPartner()
	return "a service cannot do it for him", nil
}

func (s *service) provision(ctx context.Context) (string, error) {
	return "Microsoft knows where its users enroll and learn why a device is not compliant", s.Intune.Provision(ctx, s.tenantID, intune.Provisioning{
		EnrollmentURL: "https://mdm.example/enroll", RemediationURL: "https://mdm.example/why",
	})
}

func (s *service) policy(ctx context.Context) (string, error) {
	made, err := s.Intune.EnsurePolicy(ctx, s.tenantID, azure.PlatformIOS, "Example MDM", "iPhones that Example MDM manages")
	s.policyID = made.ID
	return fmt.Sprintf("%q for %s", made.DisplayName, made.Platform), err
}

func (s *service) assign(ctx context.Context) (string, error) {
	return "group " + groupID, s.Intune.AssignPolicy(ctx, s.tenantID, s.policyID, groupID)
}

func (s *service) preflight(ctx context.Context) (string, error) {
	var failed []string
	findings := s.Router.Preflight(ctx, s.tenantID, azure.PlatformWindows, azure.PlatformIOS)
	for _, f := range findings {
		if f.State == azure.CheckFailed {
			failed = append(failed, f.Check+": "+f.Saw)
		}
	}
	if len(failed) > 0 {
		return "", errors.New(strings.Join(failed, "; "))
	}
	return fmt.Sprintf("%d checks, none failed", len(findings)), nil
}

// devices are the phone and the PC with a standing. Which channel is whose the
// Router knows.
func (s *service) devices(standing compliance.State) []azure.Report {
	return []azure.Report{{
		TenantID: s.tenantID, DeviceID: phoneID, UserPrincipalName: "anna@contoso.example", Platform: azure.PlatformIOS,
		State: standing, Inventory: azure.Inventory{DeviceName: "ANNAS-PHONE", OSVersion: "18.3"}, UpdatedAt: s.updatedAt,
	}, {
		TenantID: s.tenantID, DeviceID: pcID, Platform: azure.PlatformWindows,
		State: standing, Inventory: azure.Inventory{DeviceName: "PC-17", OSVersion: "10.0.26100"}, UpdatedAt: s.updatedAt,
	}}
}

func (s *service) report(standing compliance.State) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		// Microsoft keeps the report with the latest time, in whole seconds: two
		// of one device within a second would be one too many.
		if now, next := time.Now(), s.updatedAt.Add(time.Second); now.After(next) {
			s.updatedAt = now
		} else {
			s.updatedAt = next
		}
		reports := s.devices(standing)
		var did []string
		for i, result := range s.Router.ReportBatch(ctx, reports) {
			if result.Err != nil {
				return "", result.Err
			}
			receipt, err := s.confirm(ctx, result.Receipt)
			if err != nil {
				return "", err
			}
			line := fmt.Sprintf("%v by %s: %v, then %v", reports[i].Platform, receipt.Channel, result.Receipt.State, receipt.State)
			if result.Receipt.State == receipt.State {
				line = fmt.Sprintf("%v by %s: %v at once", reports[i].Platform, receipt.Channel, receipt.State)
			}
			if receipt.Removal != azure.RemovalUnspecified {
				line += ", " + receipt.Removal.String()
			}
			did = append(did, line)
		}
		return strings.Join(did, "; "), nil
	}
}

// confirm asks until a report is settled. A receipt is kept as JSON meanwhile:
// whichever process asks, its channel is found.
func (s *service) confirm(ctx context.Context, receipt azure.Receipt) (azure.Receipt, error) {
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stored, err := json.Marshal(receipt)
	if err != nil {
		return azure.Receipt{}, err
	}
	for wait := 20 * time.Millisecond; ; wait *= 2 {
		var read azure.Receipt
		if err := json.Unmarshal(stored, &read); err != nil {
			return azure.Receipt{}, err
		}
		switch settled, err := s.Router.Check(ctx, read); {
		case err != nil:
			return azure.Receipt{}, err
		case settled.State == status.Failed:
			return azure.Receipt{}, settled.Failure
		case settled.State == status.Successful:
			return settled, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return azure.Receipt{}, ctx.Err()
		}
	}
}

// verify reads the devices back. Microsoft Graph shows the phone too.
func (s *service) verify(standing compliance.State) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var did []string
		for _, r := range s.devices(standing) {
			v, err := s.Router.Verify(ctx, r)
			if err != nil {
				return "", err
			}
			if v.Verdict != azure.VerdictMatch {
				return "", fmt.Errorf("%v: %v %s", r.Platform, v.Verdict, strings.Join(v.Mismatches, ", "))
			}
			line := fmt.Sprintf("%v: %v", r.Platform, v.Verdict)
			if v.Device.ObjectID == "" {
				line += ", the object is gone"
			}
			did = append(did, line)
		}
		return strings.Join(did, "; "), nil
	}
}

func (s *service) deprovision(ctx context.Context) (string, error) {
	return "nothing of this tenant is reported any more", s.Intune.Deprovision(ctx, s.tenantID)
}
