package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json/jsontext"

	"simtransfer/api/problem"
	"simtransfer/api/upload"
	"simtransfer/transfer"
)

// readJSON reads and checks the body of a call before Huma does. Huma and
// encoding/json accept a field that is named twice or in another case, and each
// takes a different one of the two. After readJSON they agree, because each
// field has its exact name and occurs once.
func (s *server) readJSON(route Route) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		o := ctx.Operation()
		if o.RequestBody == nil || route.bounds.upload != nil {
			next(ctx)
			return
		}
		r, w := humago.Unwrap(ctx)
		text, err := readBody(r, o.MaxBodyBytes)
		if err == nil {
			err = s.confirmKey(ctx.Context())
		}
		if err == nil {
			err = checkMediaType(r)
		}
		if err == nil && len(text) > 0 {
			text, err = checkJSON(text, o.RequestBody.Content[typeJSON].Schema, s.schemas)
		}
		if err != nil {
			s.problem(r.Context(), err).Write(w)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
		r.Header.Set("Content-Type", typeJSON) // Huma knows no other spelling
		next(ctx)
	}
}

// typeMergePatch is the media type of a PATCH, besides JSON (RFC 7396).
const typeMergePatch = "application/merge-patch+json"

// readBody reads a body of up to limit bytes.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	var text bytes.Buffer
	if r.ContentLength > 0 {
		text.Grow(int(min(r.ContentLength, limit)) + bytes.MinRead)
	}
	_, err := text.ReadFrom(io.LimitReader(r.Body, limit+1))
	var timeout interface{ Timeout() bool }
	switch {
	case int64(text.Len()) > limit:
		return nil, &http.MaxBytesError{Limit: limit}
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil, problem.New(problem.BodyTooSlow, fmt.Sprintf("the body did not arrive within %s", bodyTimeout))
	case err != nil && r.Context().Err() == nil:
		return nil, problem.New(problem.Malformed, "the body is incomplete: the connection ended before the whole body arrived. Send it again")
	}
	return text.Bytes(), err
}

// checkMediaType rejects a body that is not announced as JSON in UTF-8. A body
// without a Content-Type is taken as JSON.
func checkMediaType(r *http.Request) error {
	allowed := []string{typeJSON}
	if r.Method == http.MethodPatch {
		allowed = append(allowed, typeMergePatch)
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return problem.New(problem.UnsupportedMediaType, fmt.Sprintf("the body cannot have the Content-Encoding %q: send it without compression", problem.Clip(encoding)))
	}
	contentType := r.Header.Get("Content-Type")
	if contentType == "" {
		return nil
	}
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || !slices.Contains(allowed, media) || !upload.IsUTF8(parameters["charset"]) {
		return problem.New(problem.UnsupportedMediaType, fmt.Sprintf(
			"the body cannot have the Content-Type %q: send JSON in UTF-8 with Content-Type: %s", problem.Clip(contentType), strings.Join(allowed, " or ")))
	}
	return nil
}

// maxDepth is how deep arrays and objects of a body can be nested.
const maxDepth = 16

// checkJSON checks a body against the rules that every JSON body has to follow,
// and its types against the schema; Huma checks the limits of the schema
// afterwards. It returns the body with every integer written in digits only, so
// that 3600.0 and 36e2 become 3600, with every time written as RFC 3339, and with
// values of enumerations in the case of the schema.
func checkJSON(text []byte, schema *huma.Schema, schemas huma.Registry) ([]byte, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return nil, malformed("body", "the body is UTF-16: send JSON in UTF-8")
	}
	c := jsonChecker{
		in:      jsontext.NewDecoder(bytes.NewBuffer(text)),
		schemas: schemas,
		problem: problem.New(problem.Invalid, "nothing was changed: fix the listed errors"),
	}
	err := c.value(schema, &jsonPath{name: "body"}, 0)
	if err == nil {
		if _, err = c.in.ReadToken(); err == nil {
			return nil, malformed("body", "the body continues after the end of the JSON document: send a single document")
		}
	}
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, syntaxProblem(text, err)
	case len(bytes.TrimSpace(text)) == 0:
		return nil, malformed("body", "the body has white space only: send a JSON document")
	case len(c.problem.Errors) > 0:
		return nil, c.problem
	}
	return c.rewritten(text), nil
}

func malformed(location, message string) *problem.Problem {
	return problem.New(problem.Malformed, message, problem.FieldError{Location: location, Message: message})
}

// syntaxProblem explains an error of the decoder.
func syntaxProblem(text []byte, err error) error {
	var p *problem.Problem
	var wrong *jsontext.SyntacticError
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return malformed("body", "the JSON document ends in the middle: was the body cut off?")
	case !errors.As(err, &wrong):
		return fmt.Errorf("reading a JSON body: %w", err)
	}
	at := locationOf(wrong.JSONPointer)
	offset := min(max(int(wrong.ByteOffset), 0), len(text))
	place := fmt.Sprintf("line %d, byte %d", 1+bytes.Count(text[:offset], []byte{'\n'}), offset-bytes.LastIndexByte(text[:offset], '\n'))
	switch {
	case errors.Is(wrong, jsontext.ErrDuplicateName):
		return malformed(at, "the field occurs twice: remove one of the two")
	case strings.Contains(wrong.Err.Error(), "UTF-8"), strings.Contains(wrong.Err.Error(), "surrogate"):
		return malformed(at, "the text is not valid Unicode in UTF-8 ("+place+"): save and send the JSON as UTF-8")
	}
	return malformed(at, fmt.Sprintf("the body is not JSON (%s): %v", place, wrong.Err))
}

// locationOf converts a JSON pointer (RFC 6901) into a location such as
// body.sims[3].
func locationOf(pointer jsontext.Pointer) string {
	at := "body"
	for name := range pointer.Tokens() {
		if _, err := strconv.Atoi(name); err == nil {
			at += "[" + name + "]"
			continue
		}
		at += "." + problem.Clip(name)
	}
	return at
}

// jsonPath is where a value is in a body.
type jsonPath struct {
	parent *jsonPath
	name   string
	index  int // in an array, if there is no name
}

// String returns a location such as body.sims[3].
func (p *jsonPath) String() string {
	switch {
	case p.parent == nil:
		return p.name
	case p.name == "":
		return fmt.Sprintf("%s[%d]", p.parent, p.index)
	}
	return p.parent.String() + "." + problem.Clip(p.name)
}

// jsonChecker checks a JSON document while it reads it.
type jsonChecker struct {
	in      *jsontext.Decoder
	schemas huma.Registry
	problem *problem.Problem
	edits   []jsonEdit
}

// jsonEdit replaces a number or a string in the text.
type jsonEdit struct {
	start, end int
	text       string
}

func (c *jsonChecker) refuse(at *jsonPath, value, message string) {
	c.problem.Add(problem.FieldError{Location: at.String(), Message: message, Value: value})
}

// value checks the next value. The schema is nil for a value that has been
// refused already, which only has to be JSON.
func (c *jsonChecker) value(s *huma.Schema, at *jsonPath, depth int) error {
	for s != nil && s.Ref != "" {
		s = c.schemas.SchemaFromRef(s.Ref)
	}
	if depth > maxDepth {
		return malformed(at.parent.String(), fmt.Sprintf("the JSON is nested deeper than %d levels", maxDepth))
	}
	kind := c.in.PeekKind()
	if s != nil && kind.String() != "" && !hasType(s, kind) {
		c.refuseType(s, at, kind)
		s = nil
	}
	switch kind {
	case '{':
		return c.object(s, at, depth)
	case '[':
		return c.array(s, at, depth)
	}
	text, err := c.in.ReadValue()
	switch {
	case err != nil:
		return err
	case kind == '"':
		if hasNUL(text) {
			c.refuse(at, "", "the text contains a NUL character (\\u0000): remove it")
		} else if s != nil && s.Format == formatTime {
			c.time(at, text)
		} else if s != nil && len(s.Enum) > 0 {
			c.enum(s, text)
		}
	case kind == '0' && s != nil && s.Type == huma.TypeInteger:
		c.integer(at, text)
	}
	return nil
}

// hasType reports whether a schema allows a kind of value.
func hasType(s *huma.Schema, kind jsontext.Kind) bool {
	switch kind {
	case 'n':
		return s.Nullable
	case 't', 'f':
		return s.Type == huma.TypeBoolean || s.Type == ""
	case '"':
		return s.Type == huma.TypeString || s.Type == ""
	case '0':
		return s.Type == huma.TypeInteger || s.Type == huma.TypeNumber || s.Type == ""
	case '{':
		return s.Type == huma.TypeObject || s.Type == ""
	case '[':
		return s.Type == huma.TypeArray || s.Type == ""
	}
	return true // not JSON, which reading it will find
}

func (c *jsonChecker) refuseType(s *huma.Schema, at *jsonPath, kind jsontext.Kind) {
	article := "a "
	if s.Type == huma.TypeInteger || s.Type == huma.TypeArray || s.Type == huma.TypeObject {
		article = "an "
	}
	if kind == 'n' {
		c.refuse(at, "", "cannot be null: give "+article+s.Type+", or leave it out if it is optional")
		return
	}
	names := map[jsontext.Kind]string{'t': "a boolean", 'f': "a boolean", '"': "a string", '0': "a number", '{': "an object", '[': "an array"}
	c.refuse(at, "", "must be "+article+s.Type+", not "+names[kind])
}

func (c *jsonChecker) object(s *huma.Schema, at *jsonPath, depth int) error {
	if _, err := c.in.ReadToken(); err != nil {
		return err
	}
	for c.in.PeekKind() == '"' {
		token, err := c.in.ReadToken()
		if err != nil {
			return err
		}
		member := &jsonPath{parent: at, name: token.String()}
		if strings.Contains(member.name, "\x00") {
			c.refuse(at, "", "a name contains a NUL character (\\u0000): remove it")
		}
		schema, known := property(s, member.name)
		if !known {
			c.refuse(member, "", "unknown field: "+advice(s, member.name))
		}
		if err := c.value(schema, member, depth+1); err != nil {
			return err
		}
	}
	_, err := c.in.ReadToken()
	return err
}

// property returns the schema of a member of an object, nil if any value is
// allowed, and whether the object can have the member.
func property(s *huma.Schema, name string) (*huma.Schema, bool) {
	if s == nil {
		return nil, true
	}
	if p, ok := s.Properties[name]; ok {
		return p, true
	}
	switch others := s.AdditionalProperties.(type) {
	case *huma.Schema:
		return others, true
	case bool:
		return nil, others
	}
	return nil, true
}

// advice says what to do about an unknown field.
func advice(s *huma.Schema, name string) string {
	known := make([]string, 0, len(s.Properties))
	for k := range s.Properties {
		if strings.EqualFold(k, name) {
			return "names of fields are case-sensitive, use " + k
		}
		known = append(known, k)
	}
	if len(known) == 0 {
		return "remove it"
	}
	slices.Sort(known)
	return "remove it, or use one of " + strings.Join(known, ", ")
}

func (c *jsonChecker) array(s *huma.Schema, at *jsonPath, depth int) error {
	if _, err := c.in.ReadToken(); err != nil {
		return err
	}
	var items *huma.Schema
	if s != nil {
		items = s.Items
	}
	element := &jsonPath{parent: at}
	for kind := c.in.PeekKind(); kind != ']'; kind = c.in.PeekKind() {
		if err := c.value(items, element, depth+1); err != nil {
			return err
		}
		element.index++
	}
	_, err := c.in.ReadToken()
	return err
}

// integer checks a number that has to be an integer, and writes it in digits.
func (c *jsonChecker) integer(at *jsonPath, text []byte) {
	digits, err := parseInteger(string(text))
	if err != nil {
		c.refuse(at, string(text), err.Error())
		return
	}
	c.replace(text, digits)
}

// enum writes a value of an enumeration as the schema does. Huma refuses what is
// none of its values.
func (c *jsonChecker) enum(s *huma.Schema, text []byte) {
	plain, err := jsontext.AppendUnquote(nil, text)
	if err != nil {
		return // Huma refuses it
	}
	if value := inEnum(s.Enum, string(plain)); value != string(plain) {
		c.replace(text, `"`+value+`"`)
	}
}

// time checks a string that has to be a time, and writes it as RFC 3339.
func (c *jsonChecker) time(at *jsonPath, text []byte) {
	plain, err := jsontext.AppendUnquote(nil, text)
	if err != nil {
		return // Huma refuses it
	}
	t, err := transfer.ParseTime(string(plain))
	if err != nil {
		c.refuse(at, problem.Clip(string(plain)), err.Error())
		return
	}
	c.replace(text, `"`+t.Format(time.RFC3339Nano)+`"`)
}

// replace replaces the value that was read last in the text.
func (c *jsonChecker) replace(value []byte, by string) {
	if by != string(value) {
		end := int(c.in.InputOffset())
		c.edits = append(c.edits, jsonEdit{start: end - len(value), end: end, text: by})
	}
}

// parseInteger returns a JSON number in digits, if its value is an integer of
// 64 bits: 3600 for 3600.0 and 36e2, and 0 for -0.
func parseInteger(number string) (string, error) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	unsigned, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(unsigned, ".")
	digits := strings.TrimRight(whole+fraction, "0")
	zeros := len(whole) - len(digits) // to append, apart from the exponent
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		return "0", nil
	}
	const far = 1 << 20 // a longer exponent is out of range, whatever the mantissa
	if n, err := strconv.Atoi("0" + strings.TrimLeft(exponent, "+-")); err != nil || n > far {
		zeros = far
		if strings.HasPrefix(exponent, "-") {
			zeros = -far
		}
	} else if strings.HasPrefix(exponent, "-") {
		zeros -= n
	} else {
		zeros += n
	}
	switch {
	case zeros < 0:
		return "", errors.New("must be an integer: this number has a fraction")
	case len(digits)+zeros > 19:
		return "", errors.New("the number is too large")
	}
	if digits += strings.Repeat("0", zeros); negative {
		digits = "-" + digits
	}
	if _, err := strconv.ParseInt(digits, 10, 64); err != nil {
		return "", errors.New("the number is too large")
	}
	return digits, nil
}

// rewritten returns the text with the edits.
func (c *jsonChecker) rewritten(text []byte) []byte {
	if len(c.edits) == 0 {
		return text
	}
	var out []byte
	from := 0
	for _, e := range c.edits {
		out = append(append(out, text[from:e.start]...), e.text...)
		from = e.end
	}
	return append(out, text[from:]...)
}

// hasNUL reports whether a JSON string contains a NUL character, which
// PostgreSQL cannot store. A backslash before u0000 that is itself escaped is
// only text.
func hasNUL(text []byte) bool {
	if !bytes.Contains(text, []byte(`\u0000`)) {
		return false
	}
	plain, err := jsontext.AppendUnquote(nil, text)
	return err != nil || bytes.IndexByte(plain, 0) >= 0
}
