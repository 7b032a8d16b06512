// Package qrcode draws QR codes as SVG, as PNG and as text for a terminal.
package qrcode

import (
	"fmt"
	"strings"

	"github.com/skip2/go-qrcode"
)

// level is how much of a QR code can be unreadable: 15 %, as for a print that
// people carry.
const level = qrcode.Medium

// pngModule is the width of a module in a PNG, in pixels.
const pngModule = 8

// Code is a QR code. The zero value has none.
type Code struct{ modules [][]bool }

// New returns the QR code of a text. It returns an error if the text is too long
// for one: about 2,300 bytes.
func New(text string) (Code, error) {
	q, err := qrcode.New(text, level)
	if err != nil {
		return Code{}, fmt.Errorf("making a QR code of %d bytes: %w", len(text), err)
	}
	return Code{q.Bitmap()}, nil
}

// PNG returns the QR code of a text as a PNG, with 8 pixels for each module.
func PNG(text string) ([]byte, error) {
	png, err := qrcode.Encode(text, level, -pngModule)
	if err != nil {
		return nil, fmt.Errorf("making a PNG of a QR code of %d bytes: %w", len(text), err)
	}
	return png, nil
}

// SVG returns the code as an SVG, black on white, which can be scaled.
func (c Code) SVG() string {
	var path strings.Builder
	for y, row := range c.modules {
		for x, dark := range row {
			if dark {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	n := len(c.modules)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" shape-rendering="crispEdges">`+
		`<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`+"\n", n, n, n*pngModule, n*pngModule, n, n, path.String())
}

// Terminal returns the code as lines of text, each of two rows of modules. A
// terminal shows dark modules in its background color; phones read the code on
// a dark and on a light background.
func (c Code) Terminal() string {
	var b strings.Builder
	for y := 0; y < len(c.modules); y += 2 {
		for x := range c.modules[y] {
			upper, lower := !c.modules[y][x], y+1 >= len(c.modules) || !c.modules[y+1][x]
			switch {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
