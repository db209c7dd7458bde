// Package msal gives tokens of Microsoft Entra ID for an application that
// serves many tenants: one [Credential], which is an [azcore.TokenCredential],
// over the confidential clients of MSAL for Go.
//
// A channel of this module takes any azcore.TokenCredential, so that every
// credential of azidentity works in its place. What azidentity leaves to its
// caller and a service with thousands of tenants needs is why this package
// exists:
//
//   - A tenant is named by each request (policy.TokenRequestOptions.TenantID),
//     and any tenant that has the application is served. Options.TenantID is
//     only the default.
//   - Tokens are found in the same time at one tenant and at ten thousand:
//     0.25 us and no allocation, where one MSAL client that holds all tenants
//     scans its cache (1.3 us at 1, 153 us at 10,000). Each tenant has an MSAL
//     client of its own; the tenants live in a bounded cache.
//   - However many callers find a token missing, expired or rejected, one
//     request goes to Entra and all get its answer. MSAL sends one a caller.
//   - Secrets and certificates may come from a callback
//     ([NewRotatingCredential]), so that rotating them needs no restart.
//   - A refusal is remembered for a short while, so that an expired secret or
//     a missing consent does not become a storm of requests.
//   - A token that Microsoft rejects can be given back ([Credential.Discard]).
//   - An error is one line with the AADSTS number and what to do about it. It
//     never shows a secret, an assertion, a token, a body or an address.
//
// # When Entra is asked
//
// In this order, the first that applies:
//
//  1. A request with claims always asks, except that the token an equal
//     request brought within the last ten seconds answers it.
//  2. A token that is not near its end is served from memory.
//  3. A token past the time at which Entra wants it renewed (RefreshOn) is
//     served to all but one caller; that one asks, at most twice a minute. A
//     token with less than five minutes left counts as missing: all wait for
//     one answer. Where the renewal fails, the old token is served as long as
//     it lives.
//  4. While a refusal is remembered its error is the answer.
//  5. Otherwise Entra is asked: once for the tenant's metadata (the answer is
//     kept with the tenant), then for the token.
//
// Retries are those of azcore (Options.Retry), but a Retry-After longer than
// Retry.MaxRetryDelay, here 5 seconds by default, ends them: it is not slept
// for but told in [Error.RetryAfter].
//
// # How it was measured
//
// In one run on two cores of an AMD EPYC, MSAL 1.10.1 beside it, by
//
//	go test -run xxx -bench . -benchmem ./azure/msal
//
// A kept tenant weighs 7 kB and the text of its tokens; a cold one costs 0.1 ms
// of CPU over a transport that answers at once.
//
// # What is sent where
//
// Every request of MSAL goes through Options.Transport, over HTTPS. The
// application's secret or assertion is posted to the authority's host alone or
// to another of the same Microsoft cloud's names; a redirect is not followed;
// an answer is read up to 1 MiB. Environment variables are not read, Azure
// regional endpoints are not used, and bodies are never logged, whatever
// Options.Logging says.
package msal
