package azure

import "github.com/mdmkit/devicestatus/internal/enum"

// Platform is the operating system family of a device. It decides the channel:
// Microsoft takes the compliance of Windows devices through Microsoft Graph,
// and of all others through the Intune partner compliance services. The two
// are not interchangeable.
type Platform uint8

// The platforms. PlatformUnspecified is the zero value and never valid in a
// report.
const (
	PlatformUnspecified Platform = iota
	PlatformWindows
	PlatformIOS
	PlatformIPadOS
	PlatformAndroid
	PlatformMacOS
)

var platforms = enum.Names{
	Type:  "Platform",
	Texts: []string{"", "windows", "ios", "ipados", "android", "macos"},
}

// String answers windows, ios, ipados, android or macos; "unspecified" for the
// zero value; and Platform(9) for a number without a name.
func (p Platform) String() string { return platforms.String(uint8(p)) }

// AppendText implements [encoding.TextAppender]. The zero value appends
// nothing; a number without a name is an error.
func (p Platform) AppendText(b []byte) ([]byte, error) { return platforms.AppendText(b, uint8(p)) }

// MarshalText implements [encoding.TextMarshaler], as AppendText does.
func (p Platform) MarshalText() ([]byte, error) { return p.AppendText(nil) }

// UnmarshalText implements [encoding.TextUnmarshaler]. It takes any letter
// case and any separator between words; empty text is the zero value; unknown
// text is an error that quotes it.
func (p *Platform) UnmarshalText(text []byte) error {
	v, err := platforms.Parse(text)
	*p = Platform(v)
	return err
}

// Ownership says whose device it is. No channel carries it to Microsoft today
// (Microsoft Graph's deviceOwnership is written by Intune alone); it is part
// of the inventory so that a host need not keep it elsewhere.
type Ownership uint8

// The ownerships. OwnershipUnspecified is the zero value: not known.
const (
	OwnershipUnspecified Ownership = iota
	OwnershipCompany
	OwnershipPersonal
)

var ownerships = enum.Names{
	Type:  "Ownership",
	Texts: []string{"", "company", "personal"},
}

// String answers company or personal; "unspecified" for the zero value; and
// Ownership(9) for a number without a name.
func (o Ownership) String() string { return ownerships.String(uint8(o)) }

// AppendText implements [encoding.TextAppender]. The zero value appends
// nothing; a number without a name is an error.
func (o Ownership) AppendText(b []byte) ([]byte, error) { return ownerships.AppendText(b, uint8(o)) }

// MarshalText implements [encoding.TextMarshaler], as AppendText does.
func (o Ownership) MarshalText() ([]byte, error) { return o.AppendText(nil) }

// UnmarshalText implements [encoding.TextUnmarshaler]. It takes any letter
// case; empty text is the zero value; unknown text is an error that quotes it.
func (o *Ownership) UnmarshalText(text []byte) error {
	v, err := ownerships.Parse(text)
	*o = Ownership(v)
	return err
}
