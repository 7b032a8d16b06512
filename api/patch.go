package api

import (
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// patch is a field of a PATCH that can be removed: as RFC 7396 has it, the field
// is left out (nothing changes), null (the value is removed) or a new value. A
// field that cannot be removed is a pointer instead, and null is refused.
type patch[T any] struct {
	given bool
	null  bool
	value T
}

// orNil returns the new value, or nil if the field is removed.
func (p patch[T]) orNil() *T {
	if p.null {
		return nil
	}
	return &p.value
}

// UnmarshalJSON is called for a field that is not left out.
func (p *patch[T]) UnmarshalJSON(text []byte) error {
	p.given, p.null = true, string(text) == "null"
	return json.Unmarshal(text, &p.value)
}

// Schema implements huma.SchemaProvider.
func (patch[T]) Schema(r huma.Registry) *huma.Schema {
	s := huma.SchemaFromType(r, reflect.TypeFor[T]())
	s.Nullable = true
	return s
}
