// Package upload reads uploaded CSV, NDJSON and JSON files row by row. For every
// invalid row it reports the line, what is wrong and what to do.
//
// [Read] reads a batch of transfers and keeps it in about 20 bytes per row, so
// that a small process can hold a million rows. [NewRecords] reads uploads with
// other columns.
//
// An upload is accepted completely or not at all. Otherwise the error is one of:
//
//   - [*Invalid]: rows have errors; it lists up to 100 of them
//   - [*TooLarge]: the upload exceeds a limit; nothing after the limit was read
//   - any other error: the upload could not be read, because the client
//     disconnected or, if errors.As finds an *http.MaxBytesError, because it was
//     larger than the server allows
package upload
