package api

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"simtransfer/api/problem"
	"simtransfer/api/upload"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// syncedRow is the outcome of a row of a file, as a row of the answer.
type syncedRow struct {
	SyncedRow
	stored storage.SyncedRow
}

func (r syncedRow) record() []string {
	return []string{
		strconv.Itoa(r.Line), valueOrZero(r.ICCID), string(r.Outcome), strings.Join(r.stored.Fields, ";"),
		string(valueOrZero(r.stored.Before)), string(valueOrZero(r.stored.After)), r.Code, r.Column, spreadsheetText(r.Message),
	}
}

func viewSynced(r storage.SyncedRow) (syncedRow, error) {
	v := SyncedRow{Line: r.Line, ICCID: r.ICCID, Outcome: r.Outcome}
	if r.Row > 0 {
		v.Line = r.Row
	}
	if r.Code != nil {
		e := syncError(r)
		v.Code, v.Column, v.Message = string(e.Code), e.Column, e.Problem
	}
	for _, part := range []struct {
		from *json.RawMessage
		to   *map[string]any
	}{{r.Before, &v.Before}, {r.After, &v.After}} {
		if part.from == nil {
			continue
		}
		if err := json.Unmarshal(*part.from, part.to); err != nil {
			return syncedRow{}, fmt.Errorf("reading the outcome of row %d of a sync: %w", r.N, err)
		}
	}
	return syncedRow{v, r}, nil
}

// syncError explains why a row was refused.
func syncError(r storage.SyncedRow) upload.RowError {
	return upload.RowError{
		Place: upload.Place{Line: r.Line, Row: r.Row}, Column: valueOrZero(r.Field),
		Code: upload.Code(valueOrZero(r.Code)), Problem: syncMessage(r),
	}
}

// syncMessage is what is wrong with a row, and what to do.
func syncMessage(r storage.SyncedRow) string {
	value, other, iccid := problem.Clip(valueOrZero(r.Value)), valueOrZero(r.Other), valueOrZero(r.ICCID)
	missing := ""
	if r.Line == 0 {
		missing = "the file does not have the SIM " + iccid + ": "
	}
	switch code := valueOrZero(r.Code); code {
	case storage.SyncDuplicate:
		place := upload.Place{Line: valueOrZero(r.OtherLine), Row: valueOrZero(r.OtherRow)}
		if place == (upload.Place{}) {
			return valueOrZero(r.Value) // of a row that has it twice
		}
		if valueOrZero(r.Field) == columnOfICCID {
			return "the same SIM is in " + place.String() + ": remove one of the two"
		}
		return fmt.Sprintf("%s is also in %s, and only one SIM can have it: correct one of the two", value, place)
	case storage.SyncTaken:
		return fmt.Sprintf("%s belongs to the SIM %s, which keeps it: correct the value, or let the file take it from that SIM", value, other)
	case storage.SyncUnknownAccount:
		return unknownAccount(valueOrZero(r.Value))
	case storage.SyncClosedAccount:
		return "the account " + value + " is closed, so it cannot receive SIMs: open it first, or give another account"
	case storage.SyncOtherOwner:
		return fmt.Sprintf("the SIM belongs to %s, not to %s: a sync does not change owners. Correct the row, or transfer the SIM", other, value)
	case storage.SyncUnknownPlan:
		return fmt.Sprintf("there is no plan %q: create the plan first", value)
	case storage.SyncBarredPlan:
		return fmt.Sprintf("the account %s may not hold the plan %q: correct the plan, or add it to the plans of the account", other, value)
	case storage.SyncMissing:
		return fmt.Sprintf("the SIM %s is not in the inventory, and a new SIM needs a value in the column %s: add it, or correct the ICCID", iccid, valueOrZero(r.Field))
	case storage.SyncStatusRefused, storage.SyncProtected:
		e := transfer.StatusError{From: transfer.Status(other), To: transfer.Status(value), By: storage.SyncStatusActor, Protected: code == storage.SyncProtected}
		return missing + e.Error()
	case storage.SyncInTransfer:
		return missing + "it has an open transfer in the request " + other + ": end the request first"
	}
	return valueOrZero(r.Value) // of a row that could not be read
}
