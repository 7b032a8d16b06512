package storage

import (
	"strings"
	"testing"
)

// The number of rows of an export is counted before the first row is sent, so the count
// must not read tables that decide nothing: their joins have to be left joins, which the
// planner removes.
func TestCountsOfExportsJoinNothing(t *testing.T) {
	t.Parallel()
	for table, s := range map[string]*statement{"charges c": selectExportedCharges, "sims s": selectExportedSIMs} {
		_, from, ok := strings.Cut(countSQL(s.query()), "FROM "+table+"\n")
		if !ok {
			t.Fatalf("%s: no FROM in %s", s.name, s.query())
		}
		from, _, _ = strings.Cut(from, "WHERE ")
		if joins, left := strings.Count(from, "JOIN "), strings.Count(from, "LEFT JOIN "); joins == 0 || joins != left {
			t.Errorf("%s has %d joins, %d of which are left joins", s.name, joins, left)
		}
	}
}
