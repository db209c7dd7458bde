package azuresim

// DemoWorld is a small world with fixed ids to try things out in, with one
// approved MDM application that has the secret "demo-secret" and all
// permissions. Its tenants:
//
//   - contoso.example has Windows PCs, phones and a Mac, and the application as
//     a partner that is registered for all platforms and provisioned;
//   - fabrikam.example has phones and Macs; its administrator consented and
//     registered the partner for macOS and iOS, the rest is to be set up;
//   - tailspin.example has Windows alone, and nothing was done for a partner.
func DemoWorld() World {
	const clientID = "5a1f0000-0000-4000-8000-0000000000a1"
	id := func(tenant, kind, n string) string { return "5a1f0000-0000-4000-8000-" + tenant + "0000000" + kind + n }
	device := func(tenant, n, name, system, version, trust string) Device {
		return Device{
			ObjectID: id(tenant, "b", n), DeviceID: id(tenant, "d", n),
			DisplayName: name, OperatingSystem: system, OperatingSystemVersion: version, TrustType: trust,
		}
	}
	partner := CompliancePartner{DisplayName: "demo MDM", ClientID: clientID, MacOSOnboarded: true, IOSOnboarded: true}
	contoso, fabrikam := partner, partner
	contoso.AndroidOnboarded, contoso.Provisioned = true, true
	contoso.ID, fabrikam.ID = id("000", "f", "1"), id("001", "f", "1")
	return World{
		Tenants: []WorldTenant{{
			Tenant: Tenant{ID: id("000", "0", "1"), Domain: "contoso.example", Partners: []CompliancePartner{contoso}},
			Users:  []User{{ID: id("000", "c", "1"), UserPrincipalName: "ada@contoso.example", DisplayName: "Ada"}},
			Groups: []Group{{ID: id("000", "e", "1"), DisplayName: "Phones and Macs"}},
			Devices: []Device{
				device("000", "1", "PC-JOINED", "Windows", "10.0.26100.1", "AzureAd"),
				device("000", "2", "PC-HYBRID", "Windows", "10.0.22631.1", "ServerAd"),
				device("000", "3", "PC-PERSONAL", "Windows", "10.0.26100.1", "Workplace"),
				device("000", "4", "ADAS-IPHONE", "IPhone", "18.1", "Workplace"),
				device("000", "5", "ADAS-MAC", "MacMDM", "15.1", "Workplace"),
				device("000", "6", "ADAS-ANDROID", "Android", "15", "Workplace"),
			},
		}, {
			Tenant: Tenant{ID: id("001", "0", "1"), Domain: "fabrikam.example", Partners: []CompliancePartner{fabrikam}},
			Users: []User{
				{ID: id("001", "c", "1"), UserPrincipalName: "grace@fabrikam.example", DisplayName: "Grace"},
				{ID: id("001", "c", "2"), UserPrincipalName: "alan@fabrikam.example", DisplayName: "Alan"},
			},
			Groups: []Group{
				{ID: id("001", "e", "1"), DisplayName: "Board"},
				{ID: id("001", "e", "2"), DisplayName: "Mac users"},
				{ID: id("001", "e", "3"), DisplayName: "Phone users"},
			},
			Devices: []Device{
				device("001", "1", "GRACES-MAC", "MacMDM", "15.3.1", "Workplace"),
				device("001", "2", "GRACES-IPHONE", "IPhone", "18.3", "Workplace"),
				device("001", "3", "ALANS-IPAD", "IPad", "18.3", "Workplace"),
				device("001", "4", "ALANS-MAC", "MacMDM", "14.7", "Workplace"),
			},
		}, {
			Tenant:  Tenant{ID: id("002", "0", "1"), Domain: "tailspin.example"},
			Users:   []User{{ID: id("002", "c", "1"), UserPrincipalName: "edsger@tailspin.example", DisplayName: "Edsger"}},
			Devices: []Device{device("002", "1", "PC-ONE", "Windows", "10.0.26100.1", "AzureAd")},
		}},
		Applications: []WorldApplication{{
			ClientID: clientID, Name: "demo MDM", Secrets: []Secret{{Value: "demo-secret"}}, ApprovedMDM: true,
			Roles: []string{
				"Device.ReadWrite.All", "User.Read.All", "GroupMember.Read.All", "Application.Read.All",
				"DeviceManagementServiceConfig.Read.All", "update_device_attributes", "manage_partner_compliance_policy",
			},
			Consents: []WorldConsent{{TenantID: id("000", "0", "1")}, {TenantID: id("001", "0", "1")}},
		}},
	}
}
