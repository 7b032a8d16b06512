package api

import (
	"context"
	"io"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// template sends the example of an upload as a file to download.
func (s *server) template(name string, doc *uploadDoc) func(context.Context, *struct{}) (*huma.StreamResponse, error) {
	return func(context.Context, *struct{}) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			_, w := humago.Unwrap(hc)
			w.Header().Set("Content-Type", typeCSV+"; charset=utf-8")
			w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
			_, _ = io.WriteString(w, doc.example) // the client may be gone
		}}, nil
	}
}

func templateDoc(upload *uploadDoc) *streamDoc {
	return &streamDoc{
		text: "A file with the columns and an example row.",
		content: func(huma.Registry) map[string]*huma.MediaType {
			return map[string]*huma.MediaType{typeCSV: {Schema: &huma.Schema{Type: huma.TypeString}, Example: upload.example}}
		},
	}
}
