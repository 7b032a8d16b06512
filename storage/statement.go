package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

//go:generate env UPDATE_SQL=1 go test -count=1 -run ^TestRenderedStatements$ .

// A statement is one SQL statement with named parameters: "@id" in its text.
// They are numbered once, when the statement is first used, so that running it
// costs no parsing, and neither does starting a command that runs none. What the
// statement does is documented in its fields, and rendered together with the
// numbered text to testdata/sql/<name>.sql, which is what a reviewer reads and
// pastes into psql.
type statement struct {
	name    string
	does    string
	given   string // what each @parameter means
	returns string // empty: nothing
	locks   string // which locks it takes, and which the caller must hold; empty: none
	setup   string // SQL that creates the temporary tables that it reads; empty: none

	// prepared statements stay prepared on the connections that have run them:
	// those of the hot path.
	prepared bool

	text string // with named parameters, as it is indented in the source

	numbered func() numberedText // of text
}

// A numberedText is the text of a statement with numbered parameters.
type numberedText struct {
	query        string   // with $1, $2, …: what the server gets
	params       []string // the name of each $n, in order
	writesEvents bool     // whether it inserts into events
}

func newStatement(s statement) *statement {
	s.numbered = sync.OnceValue(func() numberedText { return number(dedent(s.text)) })
	return &s
}

// number numbers the parameters of a text in the order in which they first occur.
func number(text string) numberedText {
	n := numberedText{writesEvents: strings.Contains(text, "INSERT INTO events")}
	numbers := map[string]int{}
	n.query = parameters.ReplaceAllStringFunc(text, func(found string) string {
		if found[0] != '@' {
			return found // a literal, a quoted name or a comment
		}
		name := found[1:]
		if numbers[name] == 0 {
			n.params = append(n.params, name)
			numbers[name] = len(n.params)
		}
		return fmt.Sprintf("$%d", numbers[name])
	})
	return n
}

func (s *statement) query() string { return s.numbered().query }

func (s *statement) params() []string { return s.numbered().params }

// parameters matches @name, and what may contain an @ that is not a parameter:
// string literals, quoted names and comments.
var parameters = regexp.MustCompile(`'[^']*'|"[^"]*"|--[^\n]*|@[a-z][a-z0-9_]*`)

// dedent removes the indentation that all lines of a text share if it begins
// with an empty line, and white space around it.
func dedent(text string) string {
	if !strings.HasPrefix(text, "\n") {
		return strings.TrimSpace(text)
	}
	lines := strings.Split(text, "\n")
	indent := len(text)
	for _, line := range lines {
		if trimmed := strings.TrimLeft(line, "\t"); trimmed != "" {
			indent = min(indent, len(line)-len(trimmed))
		}
	}
	for i, line := range lines {
		lines[i] = line[min(indent, len(line)):]
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// args are the arguments of a statement, by the names of its parameters.
type args map[string]any

// bind returns the arguments in the order of the parameters. It is an error if
// one is missing or superfluous.
func (s *statement) bind(a args) ([]any, error) {
	params := s.params()
	values := make([]any, len(params))
	for i, name := range params {
		value, given := a[name]
		if !given {
			return nil, fmt.Errorf("statement %s: argument @%s is missing", s.name, name)
		}
		values[i] = value
	}
	if len(a) != len(values) {
		return nil, fmt.Errorf("statement %s has %d parameters and was given %d arguments", s.name, len(values), len(a))
	}
	return values, nil
}

// querier runs statements: a Tx in its transaction, a DB each by itself.
type querier interface {
	// get reads one row. It returns ErrNotFound if there is none.
	get(ctx context.Context, into any, s *statement, a args) error
	// list reads all rows into a slice.
	list(ctx context.Context, into any, s *statement, a args) error
	// exec returns the number of rows that the statement has changed.
	exec(ctx context.Context, s *statement, a args) (int64, error)
}

var (
	_ querier = (*DB)(nil)
	_ querier = (*Tx)(nil)
)

// call is one execution of a statement with its arguments bound.
type call struct {
	conn interface {
		GetContext(ctx context.Context, into any, query string, args ...any) error
		SelectContext(ctx context.Context, into any, query string, args ...any) error
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	}
	query    string
	values   []any
	prepared *sqlx.Stmt // nil: conn runs the query
}

func (c call) get(ctx context.Context, into any) error {
	if c.prepared != nil {
		return notFound(c.prepared.GetContext(ctx, into, c.values...))
	}
	return notFound(c.conn.GetContext(ctx, into, c.query, c.values...))
}

func (c call) list(ctx context.Context, into any) error {
	if c.prepared != nil {
		return c.prepared.SelectContext(ctx, into, c.values...)
	}
	return c.conn.SelectContext(ctx, into, c.query, c.values...)
}

func (c call) exec(ctx context.Context) (int64, error) {
	var r sql.Result
	var err error
	if c.prepared != nil {
		r, err = c.prepared.ExecContext(ctx, c.values...)
	} else {
		r, err = c.conn.ExecContext(ctx, c.query, c.values...)
	}
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// run runs a statement. If the statement that was prepared for it no longer fits
// the schema, which the server finds before it does anything, it is run again
// unprepared.
func (db *DB) run(ctx context.Context, s *statement, a args, do func(call) error) error {
	defer db.preparePending(ctx)
	values, err := s.bind(a)
	if err != nil {
		return err
	}
	prepared := db.preparedFor(s)
	err = do(call{db.pool, s.query(), values, prepared})
	if prepared != nil && isStale(err) {
		db.forget(s, prepared)
		err = do(call{db.pool, s.query(), values, nil})
	}
	return err
}

func (db *DB) get(ctx context.Context, into any, s *statement, a args) error {
	return db.run(ctx, s, a, func(c call) error { return c.get(ctx, into) })
}

func (db *DB) list(ctx context.Context, into any, s *statement, a args) error {
	return db.run(ctx, s, a, func(c call) error { return c.list(ctx, into) })
}

func (db *DB) exec(ctx context.Context, s *statement, a args) (n int64, err error) {
	err = db.run(ctx, s, a, func(c call) error {
		n, err = c.exec(ctx)
		return err
	})
	return n, err
}

// run runs a statement in the transaction. If the statement that was prepared
// for it no longer fits the schema, the transaction has failed; the next one
// runs it unprepared.
func (t *Tx) run(ctx context.Context, s *statement, a args, do func(call) error) error {
	values, err := s.bind(a)
	if err != nil {
		return err
	}
	if t.noEvents && s.numbered().writesEvents {
		return fmt.Errorf("statement %s writes events, in a transaction that has declared to write none", s.name)
	}
	prepared := t.db.preparedFor(s)
	if prepared == nil {
		return do(call{t.tx, s.query(), values, nil})
	}
	mine := t.tx.StmtxContext(ctx, prepared)
	defer func() { _ = mine.Close() }()
	err = do(call{t.tx, s.query(), values, mine})
	if isStale(err) {
		t.db.forget(s, prepared)
	}
	return err
}

func (t *Tx) get(ctx context.Context, into any, s *statement, a args) error {
	return t.run(ctx, s, a, func(c call) error { return c.get(ctx, into) })
}

func (t *Tx) list(ctx context.Context, into any, s *statement, a args) error {
	return t.run(ctx, s, a, func(c call) error { return c.list(ctx, into) })
}

func (t *Tx) exec(ctx context.Context, s *statement, a args) (n int64, err error) {
	err = t.run(ctx, s, a, func(c call) error {
		n, err = c.exec(ctx)
		return err
	})
	return n, err
}

// preparedFor returns a statement's prepared statement, nil if there is none.
// The first time there is none, and it is left to preparePending: preparing it
// here would take a second connection while the transaction holds one.
func (db *DB) preparedFor(s *statement) *sqlx.Stmt {
	if !s.prepared {
		return nil
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	stmt, known := db.prepared[s]
	if !known {
		db.prepared[s] = nil
		db.pending = append(db.pending, s)
	}
	return stmt
}

// preparePending prepares the statements that were first run since the last
// call. No transaction of the caller may be open.
func (db *DB) preparePending(ctx context.Context) {
	db.mu.Lock()
	pending := db.pending
	db.pending = nil
	db.mu.Unlock()
	for _, s := range pending {
		stmt, err := db.pool.PreparexContext(ctx, s.query()) //nolint:sqlclosecheck // kept for the life of the pool
		db.mu.Lock()
		if err == nil {
			db.prepared[s] = stmt
		} else {
			delete(db.prepared, s) // it is prepared after its next use
		}
		db.mu.Unlock()
	}
}

// isStale reports whether a prepared statement no longer fits the schema, or no
// longer exists on its connection.
func isStale(err error) bool {
	var e *pq.Error
	return errors.As(err, &e) &&
		(e.Code == "0A000" && strings.Contains(e.Routine, "RevalidateCachedQuery") || e.Code == "26000")
}

// forget makes every statement be prepared again, because one was found stale.
func (db *DB) forget(s *statement, stale *sqlx.Stmt) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.prepared[s] != stale {
		return // done already
	}
	old := db.prepared
	db.prepared = map[*statement]*sqlx.Stmt{}
	time.AfterFunc(time.Minute, func() { // until then, others may be about to use them
		for _, stmt := range old {
			if stmt != nil {
				_ = stmt.Close()
			}
		}
	})
}
