package command

import (
	"encoding/json"
	"strings"
	"testing"

	"simtransfer/command/commandtest"
	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
)

// An export is in the names of the API; an erasure needs a closed account.
func TestPrivacy(t *testing.T) {
	t.Parallel()
	url := serverstest.DatabaseURL(t)
	env := []string{"SIMTRANSFER_DATABASE_URL=" + url}
	db, err := storage.Open(t.Context(), url, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	const id, email = "OP0000000001", "jane@example.com"
	if err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		if _, err := tx.CreateAccount(t.Context(), commandUser(), storage.Account{OperatorID: id, Email: email, Currency: "EUR", Coverage: "emea"}); err != nil {
			return err
		}
		_, _, err := tx.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleAccount, OperatorID: id, Name: "Jane", By: commandUser()})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	export := func() string {
		t.Helper()
		out, stderr, code := commandtest.Program(t, env, "privacy", "export", id)
		if code != 0 || !json.Valid([]byte(out)) {
			t.Fatalf("exit code %d, printed %q and %q", code, out, stderr)
		}
		return out
	}
	if out := export(); !strings.Contains(out, email) || !strings.Contains(out, `"Jane"`) || !strings.Contains(out, `"account.create"`) {
		t.Error(out)
	}
	erase := []string{"privacy", "erase", id, "--why=asked"}
	if _, stderr, code := commandtest.Program(t, env, erase...); code != 1 || !strings.Contains(stderr, "close it first") {
		t.Errorf("an open account: exit code %d, printed %q", code, stderr)
	}
	if _, err := db.Pool().ExecContext(t.Context(), `UPDATE accounts SET standing = 'closed'`); err != nil {
		t.Fatal(err)
	}
	if out, stderr, code := commandtest.Program(t, env, erase...); code != 0 || !strings.Contains(out, "1 keys") {
		t.Errorf("exit code %d, printed %q and %q", code, out, stderr)
	}
	if out := export(); strings.Contains(out, email) || strings.Contains(out, "Jane") || !strings.Contains(out, `"privacy.erase"`) {
		t.Error(out)
	}
	for _, wrong := range []string{"OP0000000009", "x"} {
		if _, stderr, code := commandtest.Program(t, env, "privacy", "export", wrong); code != 1 || stderr == "" {
			t.Errorf("%s: exit code %d, printed %q", wrong, code, stderr)
		}
	}
}
