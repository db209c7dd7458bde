package intune_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// entry is one entry of a message, strictly of the fields that are known.
type entry struct {
	EntityType            int
	TenantID              string `json:"TenantId"`
	DeviceManagementState string
	DeviceID              string `json:"DeviceId"`
	DeviceName            string
	UserID                string `json:"UserId"`
	LastCheckInTime       string
	LastUpdateTime        string
	OS                    string `json:"Os"`
	OSVersion             string `json:"OsVersion"`
	EasIDs                []any  `json:"EasIds"`
	State                 *int
	ComplianceStatus      string `json:"complianceStatus"`
}

// stored is a message at the service.
type stored struct {
	tenant, status, code, detail string
	asked                        int
}

// tenant is a tenant at the tenant service.
type tenant struct {
	provisioned int
	policies    []map[string]any
	assigned    map[string][]string
}

func principalOf(tenant string) string { return "eeeeeeee" + tenant[8:] }

func (m *microsoft) address(tenant, service string) string {
	return "https://fef." + tenant[:8] + "." + m.domain + "/Stateless" + service
}

func (m *microsoft) endpoints(tenant string) string {
	return `{"value":[{"providerName":"SomethingElse","uri":"https://elsewhere.example/"},` +
		`{"providerName":"PartnerTenantDataSyncService","uri":"` + m.address(tenant, "Tenant") + `/"},` +
		`{"providerName":"PartnerDeviceDataSyncService","uri":"` + m.address(tenant, "Device") + `"}]}`
}

// graph answers for Microsoft Graph.
func (m *microsoft) graph(s seen, u *url.URL) *http.Response {
	path := strings.TrimPrefix(u.Path, "/v1.0")
	switch {
	case s.method == "GET" && path == "/servicePrincipals":
		if f := u.Query().Get("$filter"); f != "appId eq '0000000a-0000-0000-c000-000000000000'" || strings.Contains(u.RawQuery, "+") {
			m.t.Errorf("$filter is %q in %s", f, u.RawQuery)
		}
		return reply(200, `{"value":[{"id":"`+principalOf(s.tenant)+`"}]}`)
	case s.method == "GET" && path == "/servicePrincipals/"+principalOf(s.tenant)+"/endpoints":
		return reply(200, m.endpoints(s.tenant))
	case s.method == "POST" && path == "/$batch":
		return m.batch(s)
	case s.method == "GET" && strings.HasPrefix(path, "/users/"):
		return reply(404, `{"error":{"code":"Request_ResourceNotFound","message":"no such user"}}`)
	case s.method == "GET" && path == "/deviceManagement/complianceManagementPartners":
		return reply(200, `{"value":[{"id":"`+group1+`","partnerState":"enabled","lastHeartbeatDateTime":"`+time.Now().UTC().Format(time.RFC3339)+
			`","macOsOnboarded":true,"iosOnboarded":true,"androidOnboarded":true,"macOsEnrollmentAssignments":[{}],`+
			`"iosEnrollmentAssignments":[{}],"androidEnrollmentAssignments":[{}]}]}`)
	}
	m.t.Errorf("Microsoft Graph does not know %s %s", s.method, u)
	return reply(400, "")
}

var usersURL = regexp.MustCompile(`^/users\('(.*)'\)\?\$select=id$`)

func (m *microsoft) batch(s seen) *http.Response {
	var read struct {
		Requests []struct{ ID, Method, URL string } `json:"requests"`
	}
	if err := json.Unmarshal([]byte(s.body), &read); err != nil || len(read.Requests) != 1 || read.Requests[0].Method != "GET" {
		m.t.Errorf("a batch of %s: %v", s.body, err)
		return reply(400, "")
	}
	found := usersURL.FindStringSubmatch(read.Requests[0].URL)
	if found == nil || strings.ContainsAny(found[1], "#?/ ") {
		m.t.Errorf("a batch asks for %q", read.Requests[0].URL)
		return reply(400, "")
	}
	name, err := url.PathUnescape(found[1])
	if err != nil || strings.Contains(strings.ReplaceAll(name, "''", ""), "'") {
		m.t.Errorf("a batch asks for %q: %v", read.Requests[0].URL, err)
	}
	m.mu.Lock()
	id := m.users[s.tenant+" "+strings.ReplaceAll(name, "''", "'")]
	m.mu.Unlock()
	if id == "" {
		return reply(200, `{"responses":[{"id":"1","status":404,"body":{"error":{"code":"Request_ResourceNotFound","message":"Resource '`+name+`' does not exist"}}}]}`)
	}
	return reply(200, `{"responses":[{"id":"1","status":200,"body":{"id":"`+strings.ToUpper(id)+`"}}]}`)
}

var messagePath = regexp.MustCompile(`^/StatelessDevice/DataUploadMessages\(guid'([0-9a-f-]{36})'\)$`)

// partner answers for the partner services.
func (m *microsoft) partner(s seen, u *url.URL) *http.Response {
	if found := messagePath.FindStringSubmatch(u.Path); found != nil {
		if u.RawQuery != "api-version=1.2" {
			m.t.Errorf("query %q of a message", u.RawQuery)
		}
		if s.method == "PUT" {
			return m.upload(found[1], s)
		}
		return m.status(found[1], s)
	}
	if u.RawQuery != "api-version=1.6" {
		m.t.Errorf("query %q of the tenant service", u.RawQuery)
	}
	return m.manage(s, strings.TrimPrefix(u.Path, "/StatelessTenant"))
}

// upload takes a message. It is applied at once; whoever asks sees it run.
func (m *microsoft) upload(id string, s seen) *http.Response {
	var message struct {
		TenantID   string `json:"TenantId"`
		UploadTime string
		Content    string
	}
	var entries []*entry
	if err := strictly(s.body, &message); err != nil {
		m.t.Errorf("a message: %v", err)
		return reply(400, "")
	}
	if err := strictly(message.Content, &entries); err != nil || len(entries) == 0 || len(entries)%2 != 0 {
		m.t.Errorf("a message of %d entries: %v", len(entries), err)
		return reply(400, "")
	}
	for i, e := range entries {
		_, err := time.Parse("2006-01-02T15:04:05Z", e.LastUpdateTime)
		if err != nil || e.TenantID != s.tenant || message.TenantID != s.tenant || e.UserID == "" {
			m.t.Errorf("entry %+v in a message of tenant %s: %v", *e, s.tenant, err)
		}
		if want := [2]int{1, 4}[i%2]; e.EntityType != want || e.DeviceID != entries[i-i%2].DeviceID || e.LastUpdateTime != entries[i-i%2].LastUpdateTime {
			m.t.Errorf("entry %d is %+v", i, *e)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.messages[id] = &stored{tenant: s.tenant, status: "Completed"}
	for i := 0; i < len(entries); i += 2 {
		both := *entries[i]
		both.ComplianceStatus = entries[i+1].ComplianceStatus
		key := s.tenant + " " + both.DeviceID
		switch held := m.devices[key]; {
		case held == nil:
			m.devices[key] = &both
		case held.LastUpdateTime <= both.LastUpdateTime:
			if both.DeviceName == "" {
				both.DeviceName = held.DeviceName
			}
			if both.OSVersion == "" {
				both.OSVersion = held.OSVersion
			}
			m.devices[key] = &both
		}
	}
	return reply(200, `{"ErrorCode":"202"}`)
}

func strictly(text string, into any) error {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func (m *microsoft) status(id string, s seen) *http.Response {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.messages[id]
	if known == nil || known.tenant != s.tenant {
		return reply(404, `{"error":{"code":"NotFound","message":"no such message"}}`)
	}
	if known.asked++; known.asked <= m.polls {
		return reply(200, `{"Status":"Processing","ErrorCode":null,"ErrorDetail":null}`)
	}
	return reply(200, fmt.Sprintf(`{"Status":%q,"ErrorCode":%q,"ErrorDetail":%q}`, known.status, known.code, known.detail))
}

// tenantOf is called with mu held.
func (m *microsoft) tenantOf(id string) *tenant {
	if m.tenants[id] == nil {
		m.tenants[id] = &tenant{assigned: map[string][]string{}}
	}
	return m.tenants[id]
}

// manage answers for the tenant service.
func (m *microsoft) manage(s seen, path string) *http.Response {
	m.mu.Lock()
	defer m.mu.Unlock()
	tenant := m.tenantOf(s.tenant)
	var body map[string]any
	if s.method != "GET" {
		if err := json.Unmarshal([]byte(s.body), &body); err != nil {
			m.t.Errorf("%s %s: %v", s.method, path, err)
		}
	}
	switch {
	case s.method == "PUT" && path == "/PartnerTenants(guid'"+s.tenant+"')":
		tenant.provisioned = int(body["Provisioned"].(float64))
		return reply(200, fmt.Sprintf(`{"Key":"k","ContextId":%q,"Provisioned":%d,"HttpStatusCode":200,"ErrorDetail":null}`, s.tenant, tenant.provisioned))
	case s.method == "GET" && path == "/PartnerCompliancePolicies":
		text, _ := json.Marshal(map[string]any{"value": tenant.policies})
		return reply(200, string(text))
	case s.method == "POST" && path == "/PartnerCompliancePolicies":
		for _, p := range tenant.policies {
			if p["Platform"] == body["Platform"] {
				return reply(409, `{"error":{"code":"Conflict","message":"exists"}}`)
			}
		}
		body["Id"] = fmt.Sprintf("66666666-0000-4000-8000-%012d", len(tenant.policies)+1)
		tenant.policies = append(tenant.policies, body)
		text, _ := json.Marshal(body)
		return reply(201, string(text))
	case s.method == "POST" && strings.HasSuffix(path, "/Assign"):
		for _, p := range tenant.policies {
			if id := p["Id"].(string); path == "/PartnerCompliancePolicies(guid'"+id+"')/Assign" {
				inner, _ := json.Marshal(body)
				for _, g := range body["assignments"].([]any) {
					tenant.assigned[id] = []string{g.(string)}
				}
				text, _ := json.Marshal(map[string]string{"value": string(inner)})
				return reply(200, string(text))
			}
		}
		return reply(404, `{"error":{"code":"NotFound","message":"no such policy"}}`)
	}
	m.t.Errorf("the tenant service does not know %s %s", s.method, path)
	return reply(400, "")
}
