package storagetest

import (
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Webhook creates a webhook endpoint of an account (zero: of staff) for messages
// of some types (none: all), and returns it with its secret.
func (d *DB) Webhook(account int64, url string, types ...transfer.MessageType) (storage.WebhookEndpoint, []byte) {
	d.t.Helper()
	var e storage.WebhookEndpoint
	var secret []byte
	if err := d.InTx(d.t.Context(), func(tx *storage.Tx) (err error) {
		e, secret, err = tx.CreateWebhook(d.t.Context(), storage.System(), storage.NewWebhook{Account: account, URL: url, Types: types})
		return err
	}); err != nil {
		d.t.Fatal(err)
	}
	return e, secret
}

// TestMessages sends n tests to a webhook endpoint.
func (d *DB) TestMessages(e storage.WebhookEndpoint, n int) {
	d.t.Helper()
	for range n {
		if err := d.InTx(d.t.Context(), func(tx *storage.Tx) error {
			_, err := tx.TestWebhook(d.t.Context(), storage.System(), e.ID, func(storage.WebhookEndpoint) bool { return true })
			return err
		}); err != nil {
			d.t.Fatal(err)
		}
	}
}

// FillOutbox makes messages of all events. It waits for transactions of other
// databases of the server, which withhold events.
func (d *DB) FillOutbox() {
	d.t.Helper()
	Await(d.t, "messages of all events", func() bool {
		more, err := d.DB.FillOutbox(d.t.Context(), 1000)
		if err != nil {
			d.t.Fatal(err)
		}
		return !more && One[bool](d, `
			SELECT o.tx IS NOT NULL AND NOT EXISTS (SELECT 1 FROM events e WHERE (e.tx, e.id) > (o.tx, o.id)) FROM outbox o`)
	})
}
