// Package msgraph proves that the generated Microsoft Graph SDK works against
// azuresim unchanged, its batch helper included. It holds tests only.
package msgraph
