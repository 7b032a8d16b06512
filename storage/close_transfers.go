package storage

// closeOpenSQL closes the open transfers of @request that which selects, with a
// state, a reason and the code of a decision, and deletes their claims. It ends in the table counted,
// which closedColumns selects. It finds rows again by their ctid, which is a
// fast plan even without statistics, and safe because the caller's locks keep
// other transactions from changing these transfers.
func closeOpenSQL(which, state, reason, code string) string {
	return `
WITH open AS MATERIALIZED (
	SELECT t.ctid AS transfer_at, t.n, t.sim, t.state, t.method, t.fee
	FROM transfers t
	WHERE t.request = @request AND ` + which + ` AND t.state IN ('pending', 'eligible')
), marked AS (
	UPDATE transfers t
	SET state = ` + state + `, reason = ` + reason + `, code = ` + code + `, finished_at = clock_timestamp()
	FROM open
	WHERE t.ctid = open.transfer_at
), unclaimed AS (
	DELETE FROM open_transfers o
	USING open
	WHERE o.sim = open.sim AND o.request = @request AND o.n = open.n
	RETURNING o.sim
), counted AS (
	SELECT
		count(*) FILTER (WHERE state = 'pending') AS pending,
		count(*) FILTER (WHERE state = 'eligible') AS eligible,
		count(*) FILTER (WHERE state = 'eligible' AND method = 'support_assisted') AS support,
		count(*) FILTER (WHERE state = 'eligible' AND fee IS NULL) AS unquoted,
		coalesce(sum(fee) FILTER (WHERE state = 'eligible'), 0) AS quoted,
		(SELECT count(*) FROM unclaimed) AS unclaimed
	FROM open
)`
}

// closedColumns selects what closeOpenSQL has counted.
const closedColumns = `
SELECT pending, eligible, support, unquoted, quoted, unclaimed
FROM counted`

// closed counts the transfers that closeOpenSQL has closed.
type closed struct {
	Pending   int   `db:"pending"` // how many were pending
	Eligible  int   `db:"eligible"`
	Support   int   `db:"support"`  // of Eligible, those that need support
	Unquoted  int   `db:"unquoted"` // of Eligible, those without a fee
	Quoted    int64 `db:"quoted"`   // fees of Eligible, in minor units
	Unclaimed int   `db:"unclaimed"`
}

// counts returns what changes in the request's counters, apart from the
// outcomes. The SIM of a pending transfer has not been looked up.
func (c closed) counts() Counts {
	return Counts{Unknown: c.Pending, Eligible: -c.Eligible, Support: -c.Support, Unquoted: -c.Unquoted, Quoted: -c.Quoted}
}
