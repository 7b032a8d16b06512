package cli

import (
	"bufio"
	"fmt"
	"strings"
	"time"

	"simtransfer/transfer"
)

// identifier is a SIM on the command line.
type identifier string

// UnmarshalText parses an ICCID, IMSI or MSISDN.
func (i *identifier) UnmarshalText(text []byte) error {
	id, err := transfer.ParseIdentifier(string(text))
	*i = identifier(id.String())
	return err
}

// operatorID is an account on the command line.
type operatorID transfer.OperatorID

// UnmarshalText parses an operator id: OP and ten digits.
func (o *operatorID) UnmarshalText(text []byte) error {
	id, err := transfer.ParseOperatorID(string(text))
	*o = operatorID(id)
	return err
}

func (o operatorID) id() transfer.OperatorID { return transfer.OperatorID(o) }

// terms are embedded in the commands that create transfer requests.
type terms struct {
	SelfServiceOnly bool          `help:"Leave out SIMs that need support's approval, and a fee."`
	Acceptance      time.Duration `placeholder:"24h" help:"Time that the destination has to accept: 1s to 720h. Default: as configured in the service."`
	OnBehalfOf      operatorID    `placeholder:"OP…" help:"Source account (support)."`
}

// acceptanceSeconds converts --acceptance; zero means that it was left out.
func acceptanceSeconds(d time.Duration) (int64, error) { return wholeSeconds("--acceptance", d, "24h") }

func wholeSeconds(flag string, d time.Duration, example string) (int64, error) {
	if d < 0 || d%time.Second != 0 {
		return 0, usageError("%s must be a whole number of seconds, such as 90s or %s", flag, example)
	}
	return int64(d / time.Second), nil
}

// someSIMs is embedded in decisions that can be about some SIMs only.
type someSIMs struct {
	SIM  []string `placeholder:"SIM" help:"Only this SIM. Separate several with commas, or repeat the flag."`
	File string   `placeholder:"FILE" predictor:"file" help:"Only the SIMs in this file, one per line; - is standard input."`
}

// read returns the SIMs that the flags name.
func (n someSIMs) read(s *Session) ([]string, error) {
	sims := n.SIM
	if n.File == "" {
		return sims, nil
	}
	file, closeFile, err := s.open(n.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeFile() }()
	lines := bufio.NewScanner(file)
	for first := true; lines.Scan(); first = false {
		line := lines.Text()
		if first {
			line = strings.TrimPrefix(line, "\ufeff") // byte order mark
		}
		if name := strings.TrimSpace(line); name != "" {
			sims = append(sims, name)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the SIMs in %s: %w", n.File, err)
	}
	if len(sims) == 0 {
		return nil, usageError("%s contains no SIM; to decide about all SIMs, leave --file out", n.File)
	}
	return sims, nil
}

// optionalBool converts an optional flag with the values true and false.
func optionalBool(text string) *bool {
	if text == "" {
		return nil
	}
	b := text == "true"
	return &b
}
