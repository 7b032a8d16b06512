package storage

import (
	"context"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// SameSIM says that two identifiers of a list name one SIM.
type SameSIM struct {
	First int `db:"first"` // index in the list, from 0
	Again int `db:"again"` // a higher index
}

var countSameSIMs = newStatement(statement{
	name: "count_same_sims",
	does: `Reports whether a list names a SIM more than once, of any account. It needs less than half of the time
		of select_same_sims, which is therefore run only for a list that does.`,
	given:   "The @identifiers, each once.",
	returns: "True if two of them name one SIM.",
	text: `
SELECT count(*) > count(DISTINCT sim)
FROM identifiers
WHERE identifier = ANY (@identifiers::text[])`,
})

var selectSameSIMs = newStatement(statement{
	name: "select_same_sims",
	does: `Finds the SIMs of an account that a list names more than once. Of other accounts' SIMs, it is not
		disclosed which identifiers belong together.`,
	given:   "@account, the @identifiers, each once, and the maximum number of rows: @limit.",
	returns: "A row for each identifier that names the SIM of an earlier one, with the places of both, from 0.",
	text: `
WITH repeated AS (
	SELECT i.sim, array_agg(u.nth - 1 ORDER BY u.nth) AS places
	FROM unnest(@identifiers::text[]) WITH ORDINALITY AS u (identifier, nth)
	JOIN identifiers i USING (identifier)
	GROUP BY i.sim
	HAVING count(*) > 1
)
SELECT places[1] AS first, later.again
FROM repeated
JOIN sims s ON s.id = repeated.sim
CROSS JOIN LATERAL unnest(places[2:]) AS later (again)
WHERE s.account = @account
ORDER BY again
LIMIT @limit`,
})

// maxSameSIMs is how many pairs SameSIMs returns.
const maxSameSIMs = 1000

// SameSIMs finds the SIMs of an account that a list names more than once, by
// different identifiers, up to 1,000. It asks the database only if
// [transfer.MayNameTwice]: a list of ICCIDs of one length costs nothing.
func (db *DB) SameSIMs(ctx context.Context, account int64, sims []transfer.Identifier) ([]SameSIM, error) {
	return sameSIMs(ctx, db, account, sims)
}

// SameSIMs is DB.SameSIMs in the transaction.
func (t *Tx) SameSIMs(ctx context.Context, account int64, sims []transfer.Identifier) ([]SameSIM, error) {
	return sameSIMs(ctx, t, account, sims)
}

func sameSIMs(ctx context.Context, q querier, account int64, sims []transfer.Identifier) ([]SameSIM, error) {
	if !transfer.MayNameTwice(slices.Values(sims)) {
		return nil, nil
	}
	identifiers := pq.Array(texts(sims))
	var repeated bool
	if err := q.get(ctx, &repeated, countSameSIMs, args{"identifiers": identifiers}); err != nil {
		return nil, fmt.Errorf("counting the SIMs that %d identifiers name: %w", len(sims), err)
	}
	if !repeated {
		return nil, nil
	}
	var list []SameSIM
	if err := q.list(ctx, &list, selectSameSIMs, args{
		"account": account, "identifiers": identifiers, "limit": maxSameSIMs,
	}); err != nil {
		return nil, fmt.Errorf("looking for SIMs that %d identifiers name twice: %w", len(sims), err)
	}
	return list, nil
}
