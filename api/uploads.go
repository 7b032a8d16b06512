package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"simtransfer/api/problem"
	"simtransfer/api/upload"
	"simtransfer/transfer"
)

// The maximum size of an upload is transfer.MaxUploadBytes.
const (
	uploadTimeout = 10 * time.Minute // for the file to arrive
	storeTimeout  = 10 * time.Minute // for writing it to the database
)

// body is an uploaded file, which the handler reads instead of Huma.
type body struct {
	reader      io.Reader
	contentType string
	encoding    string // Content-Encoding
	length      int64
	connection  *http.ResponseController
}

// Resolve implements huma.Resolver. It keeps the reader for the handler.
func (b *body) Resolve(ctx huma.Context) []error {
	r, w := humago.Unwrap(ctx)
	b.reader = http.MaxBytesReader(w, r.Body, transfer.MaxUploadBytes)
	b.contentType = r.Header.Get("Content-Type")
	b.encoding = strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	b.length = r.ContentLength
	b.connection = http.NewResponseController(w)
	return nil
}

// open returns the reader and the format of the file, or a problem. The file has
// to arrive within uploadTimeout from now. The caller has to call close when it
// has read the file, or has stopped reading it.
func (b *body) open() (io.Reader, upload.Format, error) {
	format, ok := upload.FormatOf(b.contentType)
	switch {
	case !ok:
		return nil, 0, problem.New(problem.UnsupportedMediaType, fmt.Sprintf(
			"uploads cannot have the Content-Type %q: send text/csv, application/x-ndjson or application/json, in UTF-8 or UTF-16", problem.Clip(b.contentType)))
	case !slices.Contains([]string{"", "identity", "gzip", "x-gzip"}, b.encoding): // gzip is recognized by the first bytes
		return nil, 0, problem.New(problem.UnsupportedMediaType, fmt.Sprintf(
			"uploads cannot have the Content-Encoding %q: send gzip, or leave it out", problem.Clip(b.encoding)))
	case b.length > transfer.MaxUploadBytes:
		return nil, 0, problem.New(problem.TooLarge, fmt.Sprintf("the upload is larger than the limit of %d bytes: split it into several", int64(transfer.MaxUploadBytes)))
	}
	// A ResponseWriter without a connection returns an error, which is fine.
	_ = b.connection.SetReadDeadline(time.Now().Add(uploadTimeout))
	return b.reader, format, nil
}

// close removes the read deadline if the whole file was read. If reading stopped
// with an error, the rest of the file has to arrive within bodyTimeout. It
// returns err.
func (b *body) close(err error) error {
	var deadline time.Time
	if err != nil {
		deadline = time.Now().Add(bodyTimeout)
	}
	_ = b.connection.SetReadDeadline(deadline)
	return err
}

// Mapped is embedded in the input of routes with an upload.
type Mapped struct {
	Map []string `query:"map,explode" nullable:"false" maxItems:"64" example:"[\"ICC ID=iccid\"]" doc:"What a column or field is called in the upload: its name there, an equals sign, and the name of the column here. Nothing after the equals sign makes the service ignore the column. Given several times, for several columns."`
}

// names returns what the columns of an upload are called there.
func (m Mapped) names(columns []upload.Column) (upload.Names, error) {
	names, err := upload.ParseNames(m.Map, columns)
	if err != nil {
		return nil, problem.New(problem.Invalid, "nothing was changed: a column cannot be mapped", problem.FieldError{Location: "query.map", Message: err.Error(), Value: problem.Clip(strings.Join(m.Map, ", "))})
	}
	return names, nil
}

// uploadDoc describes an upload in the OpenAPI document. It is added after Huma
// has registered the operation, because Huma reads the body of every operation
// that has a schema for it.
type uploadDoc struct {
	text    string         // describes the upload
	columns []uploadColumn // in the order of the example
	example string         // a CSV file with one row
}

type uploadColumn struct {
	name     string
	required bool
	shape    upload.Shape
	text     string
}

func documentUpload(document *huma.OpenAPI, r Route) {
	doc := r.bounds.upload
	row := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, AdditionalProperties: false}
	for _, c := range doc.columns {
		s := &huma.Schema{Type: huma.TypeString, Description: c.text}
		if also := shapeSchema(c.shape); also != nil {
			s = &huma.Schema{Description: c.text, OneOf: []*huma.Schema{{Type: huma.TypeString}, also}}
		}
		row.Properties[c.name] = s
		if c.required {
			row.Required = append(row.Required, c.name)
		}
	}
	operationOf(document.Paths[r.Path], r.Method).RequestBody = &huma.RequestBody{
		Description: doc.text,
		Required:    true,
		Content: map[string]*huma.MediaType{
			"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}, Example: doc.example},
			"application/x-ndjson": {
				Schema:  &huma.Schema{Type: huma.TypeString, Description: "One JSON object per line, with the fields of the JSON form."},
				Example: doc.exampleRow() + "\n",
			},
			"application/json": {
				Schema:  &huma.Schema{Type: huma.TypeArray, Items: row},
				Example: []json.RawMessage{json.RawMessage(doc.exampleRow())},
			},
		},
	}
}

// exampleRow returns the row of the example as a JSON object.
func (d *uploadDoc) exampleRow() string {
	head, row, _ := strings.Cut(strings.TrimSpace(d.example), "\n")
	values := strings.Split(row, ",")
	fields := make([]string, len(values))
	for i, name := range strings.Split(head, ",") {
		fields[i] = fmt.Sprintf("%q:%q", name, values[i])
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// shapeSchema returns the schema of what a JSON value of a column can be besides
// a string, nil for nothing else.
func shapeSchema(shape upload.Shape) *huma.Schema {
	switch shape {
	case upload.Flag:
		return &huma.Schema{Type: huma.TypeBoolean}
	case upload.List:
		return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}}
	case upload.Map:
		return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString}}
	case upload.Text, upload.Ignored:
	}
	return nil
}

// readUpload reads the file of a call, because no transaction may wait for a client:
// it takes a slot, passes the file to read, and checks the API key again if that took
// long. The caller calls release at the end, unless there is an error.
func (s *server) readUpload(ctx context.Context, slots *concurrency, m Mapped, file *body, columns []upload.Column, read func(io.Reader, upload.Format, upload.Names) error) (release func(), err error) {
	names, err := m.names(columns)
	if err != nil {
		return nil, err
	}
	release, err = slots.acquire(ctx)
	if err != nil {
		return nil, err
	}
	reader, format, err := file.open()
	if err == nil {
		if err = file.close(read(reader, format, names)); err != nil {
			err = uploadError(ctx, err)
		}
	}
	if err == nil {
		err = s.confirmKey(ctx)
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}
