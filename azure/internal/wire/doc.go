// Package wire is what the channels share of talking to Microsoft: pipelines
// of the Azure SDK, one for each tenant, with what that SDK lacks mended in
// front of and below its own policies; and the way back, from an answer or a
// broken call to an *azure.Error.
package wire
