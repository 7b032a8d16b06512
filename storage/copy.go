package storage

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
)

// copyIn runs a COPY statement from STDIN; fill adds the rows.
func (t *Tx) copyIn(ctx context.Context, statement string, fill func(*copiedRows) error) error {
	stmt, err := t.tx.PrepareContext(ctx, statement)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }()
	rows := copiedRows{send: func(text []byte) error {
		_, err := stmt.ExecContext(ctx, copyText(text))
		return err
	}}
	if err := fill(&rows); err != nil {
		return err
	}
	if err := rows.flush(); err != nil {
		return err
	}
	_, err = stmt.ExecContext(ctx)
	return err
}

// copiedRows writes rows in the text format of COPY. It passes many of them to the
// driver at a time, because a call for each row takes longer than writing it.
type copiedRows struct {
	text []byte
	row  bool // whether a row has begun
	send func([]byte) error
}

// copyChunk is the number of bytes from which on rows are sent.
const copyChunk = 32 << 10

// end ends a row.
func (c *copiedRows) end() error {
	c.text, c.row = append(c.text, '\n'), false
	if len(c.text) < copyChunk {
		return nil
	}
	return c.flush()
}

func (c *copiedRows) flush() error {
	if len(c.text) == 0 {
		return nil
	}
	err := c.send(c.text)
	c.text = c.text[:0]
	return err
}

// next begins a value.
func (c *copiedRows) next() {
	if c.row {
		c.text = append(c.text, '\t')
	}
	c.row = true
}

func (c *copiedRows) addNull() {
	c.next()
	c.text = append(c.text, `\N`...)
}

func (c *copiedRows) addInt(n int) {
	c.next()
	c.text = strconv.AppendInt(c.text, int64(n), 10)
}

func (c *copiedRows) addText(s string) {
	c.next()
	if !strings.ContainsFunc(s, isCopySyntax) {
		c.text = append(c.text, s...)
		return
	}
	for i := range len(s) {
		switch s[i] {
		case '\n':
			c.text = append(c.text, `\n`...)
		case '\r':
			c.text = append(c.text, `\r`...)
		case '\t':
			c.text = append(c.text, `\t`...)
		case '\\':
			c.text = append(c.text, `\\`...)
		default:
			c.text = append(c.text, s[i])
		}
	}
}

// isCopySyntax reports whether a character has a meaning in the text format.
func isCopySyntax(r rune) bool { return r == '\n' || r == '\r' || r == '\t' || r == '\\' }

// add adds values of any type that a column of a SIM has; nil, and a nil pointer, is
// null.
func (c *copiedRows) add(values ...any) {
	for _, value := range values {
		switch v := value.(type) {
		case string:
			c.addText(v)
		case int:
			c.addInt(v)
		case bool:
			c.addText(strconv.FormatBool(v))
		case *string:
			if v == nil {
				c.addNull()
			} else {
				c.addText(*v)
			}
		case *time.Time:
			if v == nil {
				c.addNull()
			} else {
				c.addText(string(pq.FormatTimestamp(*v)))
			}
		case driver.Valuer:
			text, err := v.Value()
			s, ok := text.(string)
			if err != nil || !ok {
				panic(fmt.Sprintf("a %T cannot be copied: %v", value, err)) // cannot happen to tags and lists of texts
			}
			c.addText(s)
		case nil:
			c.addNull()
		default:
			panic(fmt.Sprintf("a %T cannot be copied", value))
		}
	}
}

// copyText is a part of what a COPY statement reads, as an argument of a
// copyStatement.
type copyText []byte

// copyStatement passes on text as it is.
type copyStatement struct {
	driver.Stmt
	conn *connection
}

var (
	_ driver.StmtExecContext   = copyStatement{}
	_ driver.NamedValueChecker = copyStatement{}
)

// CheckNamedValue implements driver.NamedValueChecker.
func (s copyStatement) CheckNamedValue(v *driver.NamedValue) error {
	if _, ok := v.Value.(copyText); !ok {
		return fmt.Errorf("COPY was given a %T", v.Value)
	}
	return nil
}

// ExecContext implements driver.StmtExecContext. Without an argument, it ends the
// COPY.
func (s copyStatement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 0 {
		r, err := s.Stmt.Exec(nil) //nolint:staticcheck // lib/pq has no other way to end a COPY
		return r, s.conn.observe(err)
	}
	text := args[0].Value.(copyText)
	r, err := s.Stmt.(interface {
		CopyData(ctx context.Context, line string) (driver.Result, error)
	}).CopyData(ctx, string(text[:len(text)-1])) // it adds the line break
	return r, s.conn.observe(err)
}
