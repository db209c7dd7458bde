package azuresim

import "time"

// PartnerOptions are the settings of the simulated Intune partner compliance
// services. The zero value of every field is the default that its comment
// gives. Microsoft publishes nothing about these services: every default here
// is a guess or an observation of others.
type PartnerOptions struct {
	// ProcessingDelay passes between the acceptance of a message and its final
	// status. Zero: none, so that the first poll finds the message settled.
	ProcessingDelay time.Duration

	// DirectoryDelay passes between the final status of a message and its
	// effect on the device in Entra. Zero: none.
	DirectoryDelay time.Duration

	// Running are the status texts of a message that is not settled, one poll
	// after the other; the last one stays. Empty: Pending.
	Running []string

	// NumericCodes writes ErrorCode as a JSON number, where it is one, instead
	// of a text.
	NumericCodes bool

	// RefusalStatus is the HTTP status of an answer that refuses a message in
	// its body. Zero: 200.
	RefusalStatus int

	// UnknownMessage is what a poll for a message that is not known answers.
	// Zero: [UnknownMessageNotFound].
	UnknownMessage UnknownMessage

	// MessageLifetime is how long a message is known after its acceptance;
	// what it did to the device stays. Zero: for ever.
	MessageLifetime time.Duration

	// MessageLimit is how many messages of each tenant are known; the oldest
	// goes first. Zero: 100,000.
	MessageLimit int

	// ManyDevices allows entries of several devices in one Content. False: such
	// a message is refused.
	ManyDevices bool

	// MaxContentBytes is the longest Content that is accepted. Zero: any.
	MaxContentBytes int

	// OSTexts are further texts of Os, each with the platform that it means,
	// beside macOS, iOS, iPadOS and Android. Nil: none.
	OSTexts map[string]PartnerPlatform

	// AndroidText is the Platform of an Android policy. Empty: Android.
	AndroidText string

	// UnregisteredStatus answers a policy for a platform that the tenant has
	// not registered the partner for, with an Id of zeros. Zero: 204, which
	// has no body, so that the zeros stand in the header OData-EntityId alone.
	UnregisteredStatus int

	// FreshTokens refuses tokens that were just issued. Zero: none.
	FreshTokens FreshTokens

	// UnresponsiveAfter shows a provisioned partner as unresponsive when it
	// has not been heard of for longer. Zero: never.
	UnresponsiveAfter time.Duration
}

// FreshTokens says which new tokens the partner services do not know yet.
type FreshTokens struct {
	// Every n-th token that is first shown to the partner services is refused
	// with 401. Zero: none; 1: each.
	Every int
	// Times is how often such a token is refused before it counts. Zero: 1.
	Times int
}

// UnknownMessage is the answer to a poll for a message that is not known.
type UnknownMessage uint8

// The answers to a poll for an unknown message.
const (
	UnknownMessageNotFound UnknownMessage = iota // 404
	UnknownMessageFailed                         // 200 with the status Failed
)

// PartnerPlatform is a platform for which a tenant's administrator registers a
// compliance partner.
type PartnerPlatform string

// The platforms of the partner services. iPadOS belongs to iOS.
const (
	PartnerMacOS   PartnerPlatform = "macOS"
	PartnerIOS     PartnerPlatform = "iOS"
	PartnerAndroid PartnerPlatform = "Android"
)

func (o PartnerOptions) withDefaults() PartnerOptions {
	if len(o.Running) == 0 {
		o.Running = []string{"Pending"}
	}
	if o.RefusalStatus == 0 {
		o.RefusalStatus = 200
	}
	if o.MessageLimit <= 0 {
		o.MessageLimit = 100_000
	}
	if o.AndroidText == "" {
		o.AndroidText = "Android"
	}
	if o.UnregisteredStatus == 0 {
		o.UnregisteredStatus = 204
	}
	texts := map[string]PartnerPlatform{
		"macOS": PartnerMacOS, "iOS": PartnerIOS, "iPadOS": PartnerIOS, "Android": PartnerAndroid,
	}
	for text, platform := range o.OSTexts {
		texts[text] = platform
	}
	o.OSTexts = texts
	if o.FreshTokens.Times <= 0 {
		o.FreshTokens.Times = 1
	}
	return o
}

// policyPlatform reads the Platform of a policy; false: it means none.
func (o *PartnerOptions) policyPlatform(text string) (PartnerPlatform, bool) {
	switch text {
	case "macOS":
		return PartnerMacOS, true
	case "iOS":
		return PartnerIOS, true
	case o.AndroidText:
		return PartnerAndroid, true
	}
	return "", false
}
