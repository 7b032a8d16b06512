package api

import (
	"bytes"
	"encoding/json"
)

// appendSnapshot appends a stored snapshot as JSON, as viewSnapshot shows it. To
// decode and encode a snapshot takes longer than all else about an entry of the
// changes feed, and the stored text is almost the one to show: it is rewritten as
// text if that is possible.
func appendSnapshot(text []byte, stored json.RawMessage) ([]byte, error) {
	if rewritten, ok := rewriteSnapshot(text, stored); ok {
		return rewritten, nil
	}
	v, err := viewSnapshot(&stored)
	if err != nil {
		return text, err
	}
	shown, err := json.Marshal(v)
	return append(text, shown...), err
}

// rewriteSnapshot appends the snapshot, unless a value has to be converted or added,
// or one is unknown. It relies on stored being valid JSON.
func rewriteSnapshot(text []byte, stored []byte) (_ []byte, ok bool) {
	start, required := len(text), 0
	rest := bytes.TrimSpace(stored)
	for opening := byte('{'); ; opening = ',' {
		if len(rest) == 0 || rest[0] != opening {
			break
		}
		var name, value []byte
		name, rest = cutValue(rest[1:])
		if len(rest) == 0 || rest[0] != ':' {
			break
		}
		value, rest = cutValue(rest[1:])
		isNull := string(value) == "null"
		switch string(name) {
		case `"tags"`, `"termination_protection"`, `"event_handlers"`, `"containers"`:
			required++
		case `"speed_class"`, `"imei_lock"`, `"plan"`:
			if isNull {
				continue
			}
		case `"sim_group"`:
			if isNull {
				continue
			}
			name = []byte(`"group"`)
		case `"expiration"`:
			if isNull {
				continue
			}
			return text[:start], false // it is shown in another format
		default:
			return text[:start], false
		}
		if len(text) == start {
			text = append(text, '{')
		} else {
			text = append(text, ',')
		}
		text = append(append(append(text, name...), ':'), value...)
	}
	if required != 4 || string(rest) != "}" {
		return text[:start], false
	}
	return append(text, '}'), true
}

// cutValue cuts the value at the beginning of a part of a JSON text, and spaces
// around it.
func cutValue(text []byte) (value, rest []byte) {
	text = bytes.TrimLeft(text, " ")
	end := valueEnd(text)
	return text[:end], bytes.TrimLeft(text[end:], " ")
}

// valueEnd returns the length of the JSON value at the beginning of a text.
func valueEnd(text []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++ // the next byte is escaped
		case quoted && c == '"':
			quoted = false
			if depth == 0 {
				return i + 1
			}
		case quoted:
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return i // after a number, true, false or null
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case depth == 0 && (c == ',' || c == ':' || c == ' '):
			return i
		}
	}
	return len(text)
}
