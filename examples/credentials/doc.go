// Package credentials shows which credentials a Reporter takes: those of this
// module's msal package, and every credential of azidentity in their place. It
// has no code of its own; see its examples.
//
// Take msal where one application serves many tenants, where secrets or
// certificates rotate without a restart, or where many callers must not each
// ask for a token. Take azidentity where its credential is what you have: a
// managed identity, a workload identity, the Azure CLI. One of azidentity's
// serves its own tenant, and others only with AdditionallyAllowedTenants; a
// managed identity serves its own alone.
//
// The examples talk to a simulator in this process under Microsoft's own host
// names. For the real Microsoft leave out Transport.
package credentials
