package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// streamDoc describes a response that a handler streams, which Huma does not
// know the content of.
type streamDoc struct {
	text      string
	noContent string                 // what status 204 means; empty if it is never sent
	formats   bool                   // whether the header Accept chooses the format
	rows      bool                   // whether the header Simtransfer-Rows says how many rows follow
	purges    bool                   // whether the header Simtransfer-Purged-Rows says how many rows are no longer stored
	page      bool                   // whether the response is a page of a list, which is read before it is sent
	headers   map[string]string      // further headers that it always has, with their descriptions; only with rows
	others    map[string]*huma.Param // headers that only some of its forms have
	content   func(huma.Registry) map[string]*huma.MediaType
}

func documentStream(document *huma.OpenAPI, r Route) {
	doc := r.bounds.stream
	responses := operationOf(document.Paths[r.Path], r.Method).Responses
	responses[strconv.Itoa(http.StatusOK)] = &huma.Response{
		Description: doc.text,
		Content:     doc.content(document.Components.Schemas),
		Headers:     doc.others,
	}
	if doc.rows {
		responses[strconv.Itoa(http.StatusOK)].Headers = map[string]*huma.Param{rowsHeader: {
			Description: "How many rows the response has. A response with fewer rows was cut off on its way.",
			Required:    true,
			Schema:      &huma.Schema{Type: huma.TypeInteger},
		}}
	}
	if doc.purges {
		responses[strconv.Itoa(http.StatusOK)].Headers[purgedHeader] = &huma.Param{
			Description: "How many rows of SIMs that were not found, or were canceled before they were looked up, are no longer stored. Left out if there are none.",
			Schema:      &huma.Schema{Type: huma.TypeInteger},
		}
	}
	for name, description := range doc.headers {
		responses[strconv.Itoa(http.StatusOK)].Headers[name] = &huma.Param{Description: description, Required: true, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	if doc.page {
		responses[strconv.Itoa(http.StatusOK)].Headers[nextCursorHeader] = &huma.Param{
			Description: "The next_cursor of the page. Left out on the last page.",
			Schema:      &huma.Schema{Type: huma.TypeString},
		}
	}
	if doc.noContent != "" {
		responses[strconv.Itoa(http.StatusNoContent)] = &huma.Response{Description: doc.noContent}
	}
}

const resultExample = `{"line":1,"identifier":"8988211000000000011","iccid":"8988211000000000011","destination":"OP0012345678",` +
	`"state":"completed","method":"self_service","reason":null,"remedy":null,"fee":{"amount":"0.00","minor":0,"currency":"EUR"},` +
	`"session_dropped":false,"finished_at":"2026-01-31T12:00:00Z","gateway_answer":null}`

func resultsDoc() *streamDoc {
	return &streamDoc{
		text: "One row per SIM, in the order of submission. Which rows match is found out at the beginning, and the header " +
			rowsHeader + " says how many there are; each row shows the SIM as it is when the row is sent. If an error occurs " +
			"while the rows are sent, the connection is aborted. A response is complete if it has all of its rows and, as " +
			"JSON, its end. " + referencesInCSV,
		formats: true,
		rows:    true,
		purges:  true,
		content: rowsContent[Result]("Result", resultHeader,
			"1,8988211000000000011,8988211000000000011,OP0012345678,completed,self_service,,,0.00,EUR,false,2026-01-31T12:00:00Z,\n",
			json.RawMessage(resultExample)),
	}
}

// rowsContent describes a response with rows R in every format.
func rowsContent[R any](name, header, csvExample string, example any) func(huma.Registry) map[string]*huma.MediaType {
	return func(registry huma.Registry) map[string]*huma.MediaType {
		row := registry.Schema(reflect.TypeFor[R](), true, name)
		items := &huma.Schema{Type: huma.TypeArray, Items: row}
		text, err := json.Marshal(example)
		if err != nil {
			panic(fmt.Sprintf("writing the example of %s: %v", name, err))
		}
		return map[string]*huma.MediaType{
			typeJSON: {
				Schema: &huma.Schema{
					Type:       huma.TypeObject,
					Properties: map[string]*huma.Schema{"items": items},
					Required:   []string{"items"},
				},
				Example: map[string]any{"items": []json.RawMessage{text}},
			},
			typeNDJSON: {
				Schema:  &huma.Schema{Type: huma.TypeString, Description: "One JSON object per line, with the fields of the JSON form."},
				Example: string(text) + "\n",
			},
			typeCSV: {
				Schema:  &huma.Schema{Type: huma.TypeString},
				Example: header + "\n" + csvExample,
			},
		}
	}
}

const changeExample = `{"cursor":"512-8","at":"2026-01-31T12:00:00Z","kind":"transferred","iccid":"8988211000000000011","imsis":["001010000000001"],` +
	`"msisdns":["883120000000001"],"external_id":"meter-4711","from":{"account":"OP0012345678"},"to":{"account":"OP0087654321"},` +
	`"request":"0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21","line":8,"settings":{"tags":{},"termination_protection":false,"event_handlers":[],"containers":[]}}`

func changesDoc() *streamDoc {
	return &streamDoc{
		text: "Entries of the changes feed in its order. The header " + nextCursorHeader + " has the cursor of the next entries, and " + moreHeader + " says " +
			"whether more may exist already; as JSON, both are also in the body. If an error occurs while the entries are sent, the connection is " +
			"aborted. A response is complete if it has as many entries as the header " + rowsHeader + " says and, as JSON, its end. As long as it is not " +
			"known to be complete, continue with the cursor of the last entry that was received.",
		formats: true,
		rows:    true,
		headers: map[string]string{
			nextCursorHeader: "The cursor of the next entries, now or later.",
			moreHeader:       "true if more entries may exist already, otherwise false.",
		},
		content: func(registry huma.Registry) map[string]*huma.MediaType {
			page := registry.Schema(reflect.TypeFor[ChangesPage](), true, "ChangesPage")
			return map[string]*huma.MediaType{
				typeJSON: {Schema: page}, // see examples
				typeNDJSON: {
					Schema:  &huma.Schema{Type: huma.TypeString, Description: "One JSON object per line, with the fields of the items of the JSON form."},
					Example: changeExample + "\n",
				},
			}
		},
	}
}

const auditExample = `{"at":"2026-01-31T12:00:00Z","action":"sim.unlock","actor":"key","role":"account","key":7,"key_name":"warehouse",` +
	`"key_hint":"st_account_abcd…wxyz","key_account":"OP0012345678","address":"192.0.2.7","account":"OP0012345678","object":"sim",` +
	`"object_id":"8988211000000000011","before":{"transfer_lock":true},"after":{"transfer_lock":false}}`

func auditDoc() *streamDoc {
	return &streamDoc{
		text: "A page of the audit trail. As NDJSON and CSV, the header " + nextCursorHeader + " has the cursor of the next page. " +
			"As CSV, before and after are JSON, and a cell that a spreadsheet would take for a formula begins with an apostrophe.",
		formats: true,
		rows:    true,
		page:    true,
		content: func(registry huma.Registry) map[string]*huma.MediaType {
			page := registry.Schema(reflect.TypeFor[List[AuditEntry]](), true, "ListAuditEntry")
			return map[string]*huma.MediaType{
				typeJSON: {Schema: page, Example: map[string]any{"items": []json.RawMessage{json.RawMessage(auditExample)}}},
				typeNDJSON: {
					Schema:  &huma.Schema{Type: huma.TypeString, Description: "One JSON object per line, with the fields of the items of the JSON form."},
					Example: auditExample + "\n",
				},
				typeCSV: {
					Schema: &huma.Schema{Type: huma.TypeString},
					Example: "at,action,actor,role,key,key_name,key_hint,key_account,address,account,object,object_id,before,after,why\n" +
						`2026-01-31T12:00:00Z,sim.unlock,key,account,7,warehouse,st_account_abcd…wxyz,OP0012345678,192.0.2.7,OP0012345678,sim,8988211000000000011,"{""transfer_lock"":true}","{""transfer_lock"":false}",` + "\n",
				},
			}
		},
	}
}
