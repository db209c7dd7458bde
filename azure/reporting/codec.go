package reporting

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// The kinds of rows, in the order in which a transaction locks them.
const (
	kindTenant Kind = iota + 1 // a registered tenant; ID is empty
	kindDevice                 // a host's device: a pointer; ID is the host's id
	kindTarget                 // a target; ID is the Azure id, or that of a device without one
	kindPace                   // the pace of a tenant and channel; ID is the channel. Tenant "": of all tenants
	kindGuard                  // what the guard counts of a tenant; ID is empty
	kindEvent                  // an event that was not handed out yet; ID is the device's, and its number
)

// pointerVersion begins a pointer's data, so that a later form can be told.
const pointerVersion = 1

// encode writes a pointer as its row keeps it: most observations change
// nothing, and finding that out must not cost the decoding of a document.
func (p *pointer) encode() []byte {
	b := make([]byte, 0, pointerTarget+len(p.target))
	strict := byte(0)
	if p.strict {
		strict = 1
	}
	b = append(b, pointerVersion, strict)
	b = append(b, p.digest[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.seen))
	return append(b, p.target...)
}

// The layout of a pointer's data.
const (
	pointerStrict = 1
	pointerDigest = 2
	pointerSeen   = pointerDigest + 16
	pointerTarget = pointerSeen + 8
)

// knows reports whether an observation says nothing that is not known from the
// row of its device, and nothing that has to be written.
func knows(row Row, o *Observation, now time.Time) bool {
	b := row.Data
	if len(b) <= pointerTarget || b[0] != pointerVersion {
		return false
	}
	seen, at := int64(binary.BigEndian.Uint64(b[pointerSeen:])), o.SeenAt.UnixMicro()
	if seen > now.Add(mostAhead).UnixMicro() {
		return false // the clock was set back since, and what was planned has to be planned anew
	}
	if strict := b[pointerStrict] != 0; at > seen && (strict || at-seen >= seenEvery.Microseconds()) || strict && o.Version != 0 {
		return false // a version may be newer that was not seen later
	}
	return o.digest() == [16]byte(b[pointerDigest:pointerSeen])
}

func decodePointer(row Row) (pointer, error) {
	var p pointer
	if row.Version == 0 {
		return p, nil
	}
	if len(row.Data) < pointerTarget || row.Data[0] != pointerVersion {
		return p, fmt.Errorf("reporting: the row of device %q in tenant %s is not one that this version wrote", row.ID, row.Tenant)
	}
	p.strict = row.Data[pointerStrict] != 0
	copy(p.digest[:], row.Data[pointerDigest:])
	p.seen = int64(binary.BigEndian.Uint64(row.Data[pointerSeen:]))
	p.target = string(row.Data[pointerTarget:])
	return p, nil
}

func decodeJSON(row Row, into any) error {
	if row.Version == 0 {
		return nil
	}
	if err := json.Unmarshal(row.Data, into); err != nil {
		return fmt.Errorf("reporting: row %q of kind %d in tenant %s: %w", row.ID, row.Kind, row.Tenant, err)
	}
	return nil
}

// encodeJSON writes a document of this package. They hold nothing that JSON
// does not know.
func encodeJSON(document any) []byte {
	text, err := json.Marshal(document)
	if err != nil {
		panic(fmt.Sprintf("reporting: %T does not encode: %v", document, err))
	}
	return text
}
