package client_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"simtransfer/api/problem"
	"simtransfer/client"
)

func Example() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Simtransfer-Version", "1.0.0")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"id":"0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21","state":"validating","counts":{"sims":2,"pending":2}}`)
	}))
	defer service.Close()

	c := &client.Client{URL: service.URL, Key: "st_account_example", Attempts: 5}
	r, err := c.CreateRequest(context.Background(), client.NewRequest{
		Destination: client.Destination{Email: "sims@example.com", OperatorID: "OP0000000002"},
		SIMs:        []string{"8988211000000000011", "+12025550101"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("request %s is %s: %d SIMs\n", r.ID, r.State, r.Counts.SIMs)
	// Output: request 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 is validating: 2 SIMs
}

// A refusal is a *Problem, which lists what to fix.
func Example_errors() {
	c := &client.Client{URL: "http://service.example", HTTP: inProcess(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", problem.ContentType)
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"title":"Invalid upload","status":422,"code":"invalid_lines","errors":[{"line":3,"message":"\"8988-x\" is not a SIM identifier"}]}`)
	})}
	_, err := c.CreateBatch(context.Background(), client.CSV, strings.NewReader("…"), client.BatchTerms{})
	var p *client.Problem
	if errors.As(err, &p) {
		for _, e := range p.Errors {
			fmt.Println(e)
		}
	}
	// Output: line 3: "8988-x" is not a SIM identifier
}

// All reads every page of a list.
func ExampleAll() {
	c := &client.Client{URL: "http://service.example", HTTP: inProcess(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "" {
			_, _ = io.WriteString(w, `{"items":[{"name":"global-01"},{"name":"global-02"}],"next_cursor":"2"}`)
			return
		}
		_, _ = io.WriteString(w, `{"items":[{"name":"warehouse"}]}`)
	})}
	for k, err := range client.All(func(p client.Paging) (client.Page[client.Key], error) {
		return c.ListKeys(context.Background(), client.KeyFilter{}, p)
	}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(k.Name)
	}
	// Output:
	// global-01
	// global-02
	// warehouse
}

// inProcess returns an HTTP client that passes requests to a handler without a
// network.
func inProcess(h http.HandlerFunc) *http.Client {
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Body == nil {
			r.Body = http.NoBody
		}
		w := httptest.NewRecorder()
		w.Header().Set("Simtransfer-Version", "test")
		w.Header().Set("Content-Type", cmp.Or(r.Header.Get("Accept"), "application/json"))
		h(w, r)
		return w.Result(), r.Body.Close() // which a RoundTripper has to do
	})}
}
