package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"simtransfer/api/problem"
	"simtransfer/api/upload"
)

const (
	maxUpload     = 128 << 20
	uploadTimeout = 10 * time.Minute // for the file to arrive
	storeTimeout  = 10 * time.Minute // to write it to the database
)

// body is a file that is read as it comes: Huma does not touch it.
type body struct {
	reader      io.Reader
	contentType string
	length      int64
	connection  *http.ResponseController
}

// Resolve keeps the reader for the handler.
func (b *body) Resolve(ctx huma.Context) []error {
	r, w := humago.Unwrap(ctx)
	b.reader = http.MaxBytesReader(w, r.Body, maxUpload)
	b.contentType = r.Header.Get("Content-Type")
	b.length = r.ContentLength
	b.connection = http.NewResponseController(w)
	return nil
}

// open returns the reader and the format of the file, or the problem with them.
// From then on the file has its time to arrive. The caller calls end when it
// has read it, or has given up.
func (b *body) open() (io.Reader, upload.Format, error) {
	format, ok := upload.FormatOf(b.contentType)
	switch {
	case !ok:
		return nil, 0, problem.New(problem.UnsupportedMediaType, fmt.Sprintf(
			"%q is not a format of uploads: send text/csv, application/x-ndjson or application/json, in UTF-8", problem.Clip(b.contentType)))
	case b.length > maxUpload:
		return nil, 0, problem.New(problem.TooLarge, fmt.Sprintf("the upload has more than %d bytes: split it into several", int64(maxUpload)))
	}
	// Where there is no connection below, there is no time limit to set.
	_ = b.connection.SetReadDeadline(time.Now().Add(uploadTimeout))
	return b.reader, format, nil
}

// end lifts the limit on a file that has been read, or leaves the rest of one
// that was given up as long as any other body has. It returns err as it is.
func (b *body) end(err error) error {
	var rest time.Time
	if err != nil {
		rest = time.Now().Add(bodyTimeout)
	}
	_ = b.connection.SetReadDeadline(rest)
	return err
}

func uploadLimits() upload.Limits { return upload.Limits{MaxBytes: maxUpload} }

// uploadDoc describes an upload in the document. It is added behind Huma's
// back, because Huma would take an operation with a schema for one whose body
// it has to read.
type uploadDoc struct {
	text    string         // what the upload is
	columns []uploadColumn // in the order of the example
	example string         // CSV
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
	document.Paths[r.Path].Post.RequestBody = &huma.RequestBody{
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

// exampleRow is the row of the example as a JSON object.
func (d *uploadDoc) exampleRow() string {
	head, row, _ := strings.Cut(strings.TrimSpace(d.example), "\n")
	values := strings.Split(row, ",")
	fields := make([]string, len(values))
	for i, name := range strings.Split(head, ",") {
		fields[i] = fmt.Sprintf("%q:%q", name, values[i])
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// shapeSchema is what a JSON value of a column may be besides a string.
func shapeSchema(shape upload.Shape) *huma.Schema {
	switch shape {
	case upload.Flag:
		return &huma.Schema{Type: huma.TypeBoolean}
	case upload.List:
		return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}}
	case upload.Map:
		return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString}}
	case upload.Text:
	}
	return nil
}

// What a process reads and stores at once. A batch of a million rows takes some
// 25 MB of memory meanwhile; an import keeps every value, and takes 400 to
// 800 MB for as many, so it has places of its own.
const (
	maxUploads     = 8
	maxOwnUploads  = 2
	maxImports     = 2
	maxOwnImports  = 1
	uploadPatience = 5 * time.Second // for its turn
)
