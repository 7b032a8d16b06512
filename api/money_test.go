package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// An amount can be given in the major or the minor unit.
func TestMoneyInRequests(t *testing.T) {
	t.Parallel()
	const highest = "1000000000000"
	for _, c := range []struct {
		body     string // the fee
		currency transfer.Currency
		want     string // the money, or what the error says
		at       string // of the error
	}{
		{`{"amount": "5.00"}`, "EUR", "5.00 EUR", ""},
		{`{"amount": "5.0"}`, "EUR", "5.00 EUR", ""},
		{`{"amount": "5"}`, "EUR", "5.00 EUR", ""},
		{`{"amount": " 5 "}`, "EUR", "5.00 EUR", ""},
		{`{"minor": 500}`, "EUR", "5.00 EUR", ""},
		{`{"minor": 0}`, "EUR", "0.00 EUR", ""},
		{`{"amount": "0"}`, "EUR", "0.00 EUR", ""},
		{`{"amount": "5.00", "minor": 500, "currency": "EUR"}`, "EUR", "5.00 EUR", ""},
		{`{"amount": "5.00", "currency": " eur "}`, "EUR", "5.00 EUR", ""},
		{`{"amount": "5.00", "currency": " "}`, "EUR", "5.00 EUR", ""},
		{`{"amount": "5.00", "currency": "EUR"}`, "", "5.00 EUR", ""},
		{`{"amount": "500"}`, "JPY", "500 JPY", ""},
		{`{"minor": 500}`, "JPY", "500 JPY", ""},
		{`{"amount": "5.000"}`, "KWD", "5.000 KWD", ""},
		{`{"minor": 500}`, "KWD", "0.500 KWD", ""},
		{`{"amount": "10000000000.00"}`, "EUR", "10000000000.00 EUR", ""},
		{`{"minor": ` + highest + `}`, "EUR", "10000000000.00 EUR", ""},

		{`{}`, "EUR", "has no amount", "body.fee"},
		{`{"currency": "EUR"}`, "EUR", "has no amount", "body.fee"},
		{`{"amount": "5.00", "minor": 5}`, "EUR", "5.00 EUR is 500 in the minor unit", "body.fee.minor"},
		{`{"amount": "5", "minor": 500}`, "JPY", "5 JPY is 5 in the minor unit", "body.fee.minor"},
		{`{"amount": "5.00", "currency": "USD"}`, "EUR", "leave the currency out", "body.fee.currency"},
		{`{"minor": 500, "currency": "USD"}`, "EUR", "leave the currency out", "body.fee.currency"},
		{`{"minor": 500, "currency": "ERU"}`, "EUR", "ISO 4217", "body.fee.currency"},
		{`{"minor": 500}`, "", "is missing: give the currency", "body.fee.currency"},
		{`{"amount": "5.000"}`, "EUR", "has 3 decimal digits, but EUR has 2; write nothing between the thousands", "body.fee.amount"},
		{`{"amount": "5.00"}`, "JPY", "has 2 decimal digits, but JPY has 0", "body.fee.amount"},
		{`{"amount": "1e2"}`, "EUR", "is not an amount of EUR, such as 7.50", "body.fee.amount"},
		{`{"amount": "5,00"}`, "EUR", "write a point", "body.fee.amount"},
		{`{"amount": "-5.00"}`, "EUR", "cannot be negative", "body.fee.amount"},
		{`{"amount": "5.00 EUR"}`, "EUR", "is not an amount", "body.fee.amount"},
		{`{"amount": ""}`, "EUR", "is not an amount", "body.fee.amount"},
		{`{"amount": "10000000000.01"}`, "EUR", "at most 10000000000.00 EUR", "body.fee.amount"},
	} {
		var in MoneyInput
		if err := json.Unmarshal([]byte(c.body), &in); err != nil {
			t.Fatal(err)
		}
		p := problem.New(problem.Invalid, "")
		got, at := parseFee(p, "body.fee", in, c.currency).String(), ""
		if len(p.Errors) > 0 {
			got, at = p.Errors[0].Message, p.Errors[0].Location
		}
		if at != c.at || got != c.want && (at == "" || !strings.Contains(got, c.want)) || len(p.Errors) > 1 {
			t.Errorf("%s of %s: %q at %q, %d errors", c.body, c.currency, got, at, len(p.Errors))
		}
	}
}

// What is not an amount of money is refused by the schema, at the field.
func TestMoneyOfAnotherShape(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	path, _ := s.testRequest(1, transfer.Active)
	for fee, location := range map[string]string{
		`{"minor": -500, "currency": "EUR"}`:          "body.fee.minor",
		`{"minor": 1000000000001, "currency": "EUR"}`: "body.fee.minor",
		`{"minor": 5.5, "currency": "EUR"}`:           "body.fee.minor",
		`{"minor": "500", "currency": "EUR"}`:         "body.fee.minor",
		`{"amount": 5.00, "currency": "EUR"}`:         "body.fee.amount",
		`{"amount": null, "currency": "EUR"}`:         "body.fee.amount",
		`{"amount": "5.00", "currency": 978}`:         "body.fee.currency",
		`{"amount_minor": 500, "currency": "EUR"}`:    "body.fee.amount_minor",
		`{"amount": "5.00", "currency": "ERU"}`:       "body.fee.currency",
		`500`:                                         "body.fee",
		`"5.00"`:                                      "body.fee",
		`null`:                                        "body.fee",
		`[]`:                                          "body.fee",
	} {
		for _, call := range []apiCall{
			{key: s.admin, path: "/v1/fees", body: json.RawMessage(`{"method": "support_assisted", "fee": ` + fee + `}`)},
			{key: s.support, path: path + "/approve", body: json.RawMessage(`{"ticket": "T", "fee_reason": "agreed", "fee": ` + fee + `}`)},
		} {
			call.method = "POST"
			if p := s.do(call).problem(422, problem.Invalid); len(p.Errors) == 0 || p.Errors[0].Location != location {
				t.Errorf("%s %s: %+v", call.path, fee, p.Errors)
			}
		}
	}
	for _, body := range []string{`{"ticket": "T", "fee": {"minor": 500}}`, `{"ticket": "T", "fee_minor": 500, "fee_reason": "x"}`, `{"ticket": "T", "fee_reason": "x"}`} {
		s.do(apiCall{method: "POST", key: s.support, path: path + "/approve", body: json.RawMessage(body)}).problem(422, problem.Invalid)
	}
	if n := s.queryInt(`SELECT count(*) FROM fees`); n != 2 {
		t.Errorf("%d fees", n)
	}
}

// Money has one shape in every answer, with the decimal digits of its currency.
func TestMoneyInAnswers(t *testing.T) {
	t.Parallel()
	for currency, amounts := range map[transfer.Currency]struct{ quote, fee string }{ // of 250 and 1500 minor units
		"EUR": {"2.50", "15.00"},
		"JPY": {"250", "1500"},
		"KWD": {"0.250", "1.500"},
		"CLF": {"0.0250", "0.1500"},
	} {
		t.Run(string(currency), func(t *testing.T) {
			t.Parallel()
			s := newTestService(t)
			s.exec(`UPDATE accounts SET currency = $1 WHERE operator_id = $2`, currency, sourceID)
			s.exec(`DELETE FROM fees`)
			shape := func(amount string, minor int) string {
				return fmt.Sprintf(`{"amount":%q,"minor":%d,"currency":%q}`, amount, minor, currency)
			}
			type m = map[string]any
			fee, quote := shape(amounts.fee, 1500), shape(amounts.quote, 250)
			shows := func(r testResponse, what, want string) {
				t.Helper()
				if text := r.is(200).text; !strings.Contains(text, want) {
					t.Errorf("%s: %s is missing in %s", what, want, text)
				}
			}
			s.post(s.admin, "/v1/fees", m{"method": "support_assisted", "fee": m{"amount": amounts.quote, "currency": currency}}).is(201)
			shows(s.get(s.admin, "/v1/fees"), "schedule", `"fee":`+quote)
			s.sims(1, transfer.Active)
			preview := s.post(s.source, "/v1/transfer-requests/preview", requestBody(iccid(1)))
			shows(preview, "total of the preview", `"fees":`+quote)
			shows(preview, "SIM of the preview", `"fee":`+quote)
			path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
			s.work()
			shows(s.get(s.source, path), "quoted", `"quoted":`+quote)
			for _, bad := range []m{{"amount": amounts.fee, "currency": "USD"}, {"amount": amounts.fee, "minor": 1499}, {"amount": "1.23456"}} {
				s.post(s.support, path+"/approve", m{"ticket": "T", "fee": bad, "fee_reason": "agreed"}).problem(422, problem.Invalid)
			}
			s.post(s.support, path+"/approve", m{"ticket": "T", "fee": m{"amount": amounts.fee}, "fee_reason": "agreed"}).is(202)
			shows(s.get(s.source, path), "override", `"fee":`+fee)
			s.post(s.destination, path+"/accept", nil).is(202)
			s.work()
			shows(s.get(s.source, path), "charged", `"charged":`+fee)
			shows(s.get(s.source, path+"/transfers"), "transfer", `"fee":`+fee)
			shows(s.results(s.source, path, "application/json"), "results", `"fee":`+fee)
			shows(s.results(s.source, path, "application/x-ndjson"), "results", `"fee":`+fee)
			shows(s.results(s.source, path, "text/csv"), "results", ","+amounts.fee+","+string(currency)+",")
			shows(s.get(s.support, "/v1/support/sims/"+iccid(1)), "charge", `"fee":`+fee)
			parts := fmt.Sprintf(`{"amount":%q,"currency":%q,"minor":1500}`, amounts.fee, currency) // Go sorts the fields of a detail
			shows(s.get(s.source, path+"/events"), "event", `"fee":`+parts)
			storagetest.Await(t, "an event in the feed", func() bool { // transactions of other tests can withhold it
				return strings.Contains(s.get(s.support, "/v1/events").is(200).text, `"fee":`+parts)
			})
			shows(s.get(s.admin, "/v1/audit?action=fee.create"), "audit", `"fee":`+strings.ReplaceAll(strings.ReplaceAll(parts, amounts.fee, amounts.quote), "1500", "250"))
			for _, hidden := range []testResponse{s.get(s.destination, path+"/events"), s.get(s.destination, path), s.results(s.destination, path, "application/json")} {
				if strings.Contains(hidden.is(200).text, `"fee`) {
					t.Errorf("the destination sees %s", hidden.text)
				}
			}
		})
	}
}
