package cli_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"
)

// asUTF16 encodes a text of ASCII with the given order of bytes.
func asUTF16(text string, littleEndian, mark bool) string {
	var b bytes.Buffer
	units := utf16.Encode([]rune(text))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	for _, u := range units {
		if littleEndian {
			b.Write([]byte{byte(u), byte(u >> 8)})
			continue
		}
		b.Write([]byte{byte(u >> 8), byte(u)})
	}
	return b.String()
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A list of SIMs is read as spreadsheets, editors and shells write it.
func TestListsOfSIMs(t *testing.T) {
	t.Parallel()
	const want = `{"sims":["8988211000000000011","8988211000000000029"]}`
	for name, text := range map[string]string{
		"lines":                  "8988211000000000011\n8988211000000000029\n",
		"no line break":          "8988211000000000011\n8988211000000000029",
		"Windows":                "\ufeff8988211000000000011\r\n8988211000000000029\r\n",
		"old Macs":               "8988211000000000011\r8988211000000000029\r",
		"blank lines":            "\n \n8988211000000000011\n\t\n8988211000000000029\n\u00a0\n",
		"a heading":              "ICCID\n8988211000000000011\n8988211000000000029\n",
		"a spreadsheet":          "sep=;\r\niccid;;\r\n8988211000000000011;;\r\n8988211000000000029;;\r\n;;\r\n\"\";;\r\n",
		"commas at the end":      "8988211000000000011,,\n8988211000000000029,\n,,\n",
		"UTF-16":                 asUTF16("8988211000000000011\r\n8988211000000000029\r\n", true, true),
		"UTF-16 big-endian":      asUTF16("8988211000000000011\r\n8988211000000000029\r\n", false, true),
		"UTF-16 without a mark":  asUTF16("8988211000000000011\n8988211000000000029\n", true, false),
		"compressed":             gzipped(t, "8988211000000000011\n8988211000000000029\n"),
		"compressed, and UTF-16": gzipped(t, asUTF16("8988211000000000011\n8988211000000000029\n", true, true)),
	} {
		sent := ""
		c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body) // a test notices what is missing
			sent = string(body)
			_, _ = io.WriteString(w, "{}")
		})
		c.is(c.run("requests", "accept", someRequest, "--file="+writeFile(t, "sims.txt", text)), 0)
		if sent != want {
			t.Errorf("%s: sent %s", name, sent)
		}
	}
}

// What is no list is refused without a call, with the line.
func TestFilesThatAreNoLists(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(http.ResponseWriter, *http.Request) { t.Error("it was called") })
	for text, says := range map[string]string{
		"":                                      "contains no SIM",
		"\n,,\n":                                "contains no SIM",
		"iccid\n":                               "contains no SIM",
		"8988211000000000011\n898821100000\xe4": "line 2 is not text in UTF-8",
		"8988211000000000011\n\x00\x01":         "line 2 is not text in UTF-8",
		"\n8988211000000000011,a@example.com,OP0000000002": "line 2 has several columns: a list has one SIM per line",
		"PK\x03\x04\x14\x00":                           "is a ZIP archive, such as an Excel workbook",
		"\x1f\x8b\x08\x00damaged":                      "is damaged gzip data",
		strings.Repeat("8988211000000000011\n", 1<<20): "longer than 16 MiB",
	} {
		file := writeFile(t, "sims.txt", text)
		for _, args := range []string{"requests cancel " + someRequest, "requests create --to-email=a@example.com --to-operator=OP0000000002"} {
			c.is(c.run(append(strings.Fields(args), "--file="+file)...), 2, file, says)
		}
	}
}

// So do those about the ICCIDs of a pull request.
func TestErrorsNameTheLineOfAnICCID(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) {
		problem(w, 422, "invalid", `,"errors":[{"location":"body.iccids[0]","message":"x"},{"location":"body.iccids[1]","message":"y"}]`)
	})
	file := writeFile(t, "meters.txt", "iccid\n8988211000000000011\n")
	c.is(c.run("pulls", "create", "1", "--file="+file), 1, "SIM 1: x", file+" line 2: y")
}

// Errors of the API about positions in the list name the line of the file.
func TestErrorsNameTheLineOfTheFile(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) {
		problem(w, 422, "invalid", `,"detail":"nothing was accepted","errors":[`+
			`{"location":"body.sims[0]","message":"\"1\" has 1 digit"},`,
			`{"location":"body.sims[2]","message":"another identifier of the SIM in body.sims[1]: remove one of the two"},`+
				`{"location":"body.sims[99]","message":"x"},{"location":"body.destination","message":"y"}]`)
	})
	file := writeFile(t, "sims.txt", "iccid\n\n8988211000000000011\r\n8988211000000000029\n")
	want := "Title of invalid: nothing was accepted\n  SIM 1: \"1\" has 1 digit\n  " +
		file + " line 4: another identifier of the SIM in " + file + " line 3: remove one of the two\n  body.sims[99]: x\n  body.destination: y\n"
	for _, args := range []string{
		"preview --to-email=a@example.com --to-operator=OP0000000002 1 --file=" + file,
		"requests create --to-email=a@example.com --to-operator=OP0000000002 1 --file=" + file,
		"requests accept --sim=1 --file=" + file + " " + someRequest,
		"requests decline --sim=1 --file=" + file + " " + someRequest,
		"requests cancel --sim=1 --file=" + file + " " + someRequest,
	} {
		c.is(c.run(strings.Fields(args)...), 1)
		if got := c.err.String(); got != want {
			t.Errorf("%s: printed\n%s\nnot\n%s", args, got, want)
		}
	}
	c.In = strings.NewReader("x\n8988211000000000011\n8988211000000000029\n")
	c.is(c.run("requests", "cancel", someRequest, "--file=-"), 1, "standard input line 3: another identifier of the SIM in standard input line 2")
}
