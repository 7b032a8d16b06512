package accounting

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// sessionKey returns the key of a session: the Acct-Unique-Session-Id that
// FreeRADIUS's policy acct_unique computes. So sessions that FreeRADIUS has stored
// go on if the gateways send their accounting here, and the other way round.
func sessionKey(username, id []byte, nas netip.Addr, identifier, portID []byte, port *int64) string {
	portText := ""
	if port != nil {
		portText = strconv.FormatInt(*port, 10)
	}
	sum := md5.Sum([]byte(string(username) + "," + string(id) + "," + nas.String() + "," + string(identifier) + "," + string(portID) + "," + portText))
	return hex.EncodeToString(sum[:])
}

// storable reports whether PostgreSQL can store bytes as a text.
func storable(value []byte) bool {
	if !utf8.Valid(value) {
		return false
	}
	for _, c := range value {
		if c == 0 {
			return false
		}
	}
	return true
}

// escape writes bytes that cannot be stored, and what would be ambiguous then, as
// =XX. radius.unescaped is the reverse.
func escape(value string) string {
	var b strings.Builder
	for value != "" {
		r, size := utf8.DecodeRuneInString(value)
		if r == utf8.RuneError && size == 1 || r < ' ' || r == 0x7f || r == '=' || r == '\\' {
			fmt.Fprintf(&b, "=%02X", value[0])
		} else {
			b.WriteString(value[:size])
		}
		value = value[size:]
	}
	return b.String()
}

// storedUsername returns a User-Name for the column username, from which
// radius.unescaped_username reads it. It takes a backslash for the beginning of an
// escape sequence, as FreeRADIUS writes them.
func storedUsername(value []byte) string {
	text := string(value)
	if strings.Contains(text, `\`) {
		text = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
	}
	return text
}
