package msal

// advice answers what to do about a refusal, "" where nothing is known. The
// meaning of the numbers is Microsoft's ("Microsoft Entra authentication and
// authorization error codes"), 7000229 and 70021x as Entra's own texts say.
func advice(code string) string {
	switch code {
	case "AADSTS7000215", "AADSTS70002", "AADSTS50012":
		return "the client secret is wrong: use the secret's value, not its id"
	case "AADSTS7000222":
		return "the client secret has expired: create a new one"
	case "AADSTS700027":
		return "the client certificate is not one of the application's, or its signature does not verify: register it, or use the one that is"
	case "AADSTS700030":
		return "the client certificate's subject name is not authorized for the application"
	case "AADSTS700024":
		return "the client assertion is outside its time of validity: set this machine's clock, or get a newer assertion"
	case "AADSTS700211", "AADSTS700212", "AADSTS700213":
		return "no federated credential of the application matches the assertion's issuer, audience or subject"
	case "AADSTS700016", "AADSTS700011":
		return "the application is not in this tenant: its administrator must consent, or the client id or the cloud is another"
	case "AADSTS7000229":
		return "the application has no service principal in this tenant: its administrator must consent"
	case "AADSTS7000112", "AADSTS70001":
		return "the application is disabled in this tenant: its administrator must enable it"
	case "AADSTS65001", "AADSTS90094", "AADSTS90008":
		return "consent is missing: the tenant's administrator must grant it"
	case "AADSTS650052", "AADSTS500011":
		return "the service that the token is for is not in this tenant"
	case "AADSTS90002", "AADSTS900023":
		return "the tenant does not exist in this cloud: it is gone, or its id or the cloud is another"
	case "AADSTS90038", "AADSTS900382", "AADSTS900432":
		return "the tenant belongs to another cloud"
	case "AADSTS53003", "AADSTS530032":
		return "a Conditional Access policy of the tenant blocks the application"
	case "AADSTS1002012", "AADSTS70011":
		return "the scope is not valid: it must end in /.default"
	case "AADSTS50196":
		return "Entra saw the same request too often"
	case "AADSTS90055":
		return "Entra throttles this tenant"
	}
	return ""
}

// transient reports whether Entra calls the reason a passing one, whatever the
// HTTP status that came with it.
func transient(code string) bool {
	switch code {
	case "AADSTS50033", "AADSTS90006", "AADSTS90012", "AADSTS90024", "AADSTS90033",
		"AADSTS90055", "AADSTS90090", "AADSTS90091",
		"temporarily_unavailable", "server_error":
		return true
	}
	return false
}

// aboutProof reports whether a refusal means the secret, certificate or
// assertion. Numbers that are not listed are judged by the OAuth code.
func aboutProof(code, oauth string) bool {
	switch code {
	case "AADSTS7000215", "AADSTS70002", "AADSTS50012", "AADSTS7000222", "AADSTS700027", "AADSTS700030":
		return true
	case "AADSTS7000229", "AADSTS7000112", "AADSTS700025", "AADSTS700024":
		// Entra calls these invalid_client too, and no other proof mends them.
		return false
	}
	return oauth == "invalid_client"
}
