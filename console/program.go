package console

import (
	"strings"

	"simtransfer/api/signin"
)

// program is a call as texts for people who want to repeat it in a script.
type program struct{ Curl, Command string }

// program returns a call as texts. body is JSON or empty, command what follows
// "simtransfer" or empty.
func (v *visit) program(method, path, body, command string) program {
	var b strings.Builder
	b.WriteString("curl ")
	if method != "GET" {
		b.WriteString("-X " + method + " ")
	}
	b.WriteString(shellQuoted(v.origin() + path))
	b.WriteString(` \` + "\n" + `  -H "Authorization: Bearer $SIMTRANSFER_API_KEY"`)
	if body != "" {
		b.WriteString(` \` + "\n  -H 'Content-Type: application/json' \\\n  -d " + shellQuoted(body))
	}
	p := program{Curl: b.String()}
	if command != "" {
		p.Command = "simtransfer " + command
	}
	return p
}

// origin returns the address of the service as the browser knows it.
func (v *visit) origin() string {
	if signin.Of(v.ctx()).HTTPS {
		return "https://" + v.r.Host
	}
	return "http://" + v.r.Host
}

// shellQuoted quotes a text for a shell.
func shellQuoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
