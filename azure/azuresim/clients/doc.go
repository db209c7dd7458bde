// Package clients proves that clients which nobody here wrote work against
// azuresim unchanged: MSAL for Go, azidentity, and in the folder msgraph the
// generated Microsoft Graph SDK. It holds tests only.
//
// The module stays out of the workspace, because compiling the Graph SDK takes
// about three minutes and 4 GiB. In this folder:
//
//	GOWORK=off go test ./...            # all of them
//	GOWORK=off go test .                # MSAL and azidentity alone: seconds
package clients
