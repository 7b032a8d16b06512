package transfer

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func randomCode(t *testing.T, random *rand.Rand) Code {
	t.Helper()
	for {
		var b [CodeBytes]byte
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		if c, ok := NewCode(b); ok {
			return c
		}
	}
}

func TestCode(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	seen := map[Code]bool{}
	for range 1000 {
		c := randomCode(t, random)
		if text := c.String(); len(text) != 24 || strings.Count(text, "-") != 4 || strings.ContainsAny(text, "ILOU") || seen[c] {
			t.Fatalf("%q", text)
		}
		seen[c] = true
		spoken := strings.NewReplacer("0", "o", "1", "l").Replace(strings.ToLower(c.String()))
		for _, text := range []string{
			c.String(), c.Compact(), strings.ToLower(c.String()), spoken, " " + strings.ReplaceAll(c.String(), "-", " ") + "\n",
			strings.ReplaceAll(c.String(), "-", "–"), "https://sims.example.com/redeem#" + c.String(), "https://sims.example.com/?code=" + c.Compact(),
		} {
			if got, err := ParseCode(text); err != nil || got != c {
				t.Fatalf("%q is %v, %v, not %v", text, got, err, c)
			}
		}
	}
}

// The check character finds every wrong character and every swap of neighbours.
func TestCodeWithATypingError(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		good := randomCode(t, random).Compact()
		for i := range good {
			for _, wrong := range codeAlphabet {
				if text := good[:i] + string(wrong) + good[i+1:]; text != good {
					mustNotParse(t, text)
				}
			}
			if i > 0 && good[i-1] != good[i] {
				mustNotParse(t, good[:i-1]+good[i:i+1]+good[i-1:i]+good[i+1:])
			}
			mustNotParse(t, good[:i]+good[i+1:])
		}
		mustNotParse(t, good+"0")
	}
	for _, text := range []string{"", "-", strings.Repeat("0", 19), strings.Repeat("U", 20), "8J3K-Q2ZV-7MXA-04RT-HW9€", strings.Repeat("x", MaxCodeText+1)} {
		mustNotParse(t, text)
	}
}

func mustNotParse(t *testing.T, text string) {
	t.Helper()
	c, err := ParseCode(text)
	if err == nil {
		t.Errorf("%q is %v", text, c)
	} else if text != "" && text != "-" && strings.Contains(err.Error(), text) {
		t.Errorf("the error repeats the text: %v", err)
	}
}
