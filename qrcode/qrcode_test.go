package qrcode_test

import (
	"bytes"
	"image/png"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"simtransfer/qrcode"
)

// The three drawings show the same modules.
func TestDrawings(t *testing.T) {
	t.Parallel()
	const text = "https://sims.example.com/redeem#0123-4567-89AB-CDEF-GHJ9"
	c, err := qrcode.New(text)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := qrcode.PNG(text)
	if err != nil {
		t.Fatal(err)
	}
	image, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	n := image.Bounds().Dx() / 8
	dark := map[[2]int]bool{}
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h1v1`).FindAllStringSubmatch(c.SVG(), -1) {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		dark[[2]int{x, y}] = true
	}
	lines := strings.Split(strings.TrimSuffix(c.Terminal(), "\n"), "\n")
	if len(lines) != (n+1)/2 || len(dark) < n*n/5 {
		t.Fatalf("%d lines and %d dark modules for %d rows", len(lines), len(dark), n)
	}
	for y := range n {
		row := []rune(lines[y/2])
		for x := range n {
			red, _, _, _ := image.At(8*x+4, 8*y+4).RGBA()
			light := map[bool]string{true: "█▀", false: "█▄"}[y%2 == 0]
			if is := dark[[2]int{x, y}]; is != (red == 0) || is == strings.ContainsRune(light, row[x]) {
				t.Fatalf("module %d,%d: SVG %t, PNG %d, terminal %q", x, y, is, red, row[x])
			}
		}
	}
}

func TestTooLong(t *testing.T) {
	t.Parallel()
	if _, err := qrcode.New(strings.Repeat("x", 5000)); err == nil {
		t.Error("no error")
	}
	if _, err := qrcode.PNG(strings.Repeat("x", 5000)); err == nil {
		t.Error("no error")
	}
}
