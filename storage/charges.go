package storage

// insertCharges is SQL that charges the source of the request r for each SIM that a
// hand-over transfers: the effective fee that the verdict v has. A SIM that moves
// free of charge has no charge. If the fee is unknown, the statement fails, because
// the amount is not null. The primary key, request and n, keeps a transfer from being
// charged twice.
const insertCharges = `INSERT INTO charges (request, n, account, amount, currency)
SELECT r.id, v.n, r.source, v.fee, r.currency
FROM verdict v, r
WHERE v.outcome = 'completed' AND v.fee IS DISTINCT FROM 0`
