package upload

import (
	"errors"
	"fmt"
	"strings"

	"simtransfer/transfer"
)

// Names are the names that an upload has for columns, such as "ICC ID" for iccid.
// An empty column means that the upload has a column that is not read. In a CSV
// header, case does not count.
type Names map[string]string

// MaxNames is the maximum number of names that an upload can give.
const MaxNames = 64

// maxName is the maximum length of such a name in characters.
const maxName = 128

// ParseNames parses texts such as "ICC ID=iccid", or "Notes=" for a column that is
// not read. The last equals sign separates the two, because no column has one in
// its name. The error is written for the person who typed the text.
func ParseNames(texts []string, columns []Column) (Names, error) {
	if len(texts) > MaxNames {
		return nil, fmt.Errorf("these are %d names of columns: give at most %d", len(texts), MaxNames)
	}
	names := Names{}
	given := map[string]string{} // in lower case
	reads := map[string]string{} // which name a column has
	for _, text := range texts {
		name, column, err := parseName(text, columns)
		if err != nil {
			return nil, err
		}
		if other, twice := given[strings.ToLower(name)]; twice {
			return nil, fmt.Errorf("%q and %q are the same column: remove one of the two", clip(other), clip(name))
		}
		if other, twice := reads[column]; twice && column != "" {
			return nil, fmt.Errorf("%q and %q both name the column %s: remove one of the two", clip(other), clip(name), column)
		}
		given[strings.ToLower(name)], reads[column] = name, name
		names[name] = column
	}
	return names, nil
}

func parseName(text string, columns []Column) (name, column string, err error) {
	i := strings.LastIndexByte(text, '=')
	if i < 0 {
		return "", "", fmt.Errorf("%q has no equals sign: write the name in your file, =, and the name of the column, such as \"ICC ID=iccid\", or nothing after the = to ignore the column", clip(text))
	}
	name, err = transfer.ParseLine(text[:i])
	if err == nil {
		err = transfer.CheckLength(name, maxName)
	}
	if err == nil && name == "" {
		err = errors.New("it is empty: write it before the equals sign")
	}
	if err != nil {
		return "", "", fmt.Errorf("the name in %q: %w", clip(text), err)
	}
	column = strings.ToLower(transfer.Trim(text[i+1:]))
	known := column == ""
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.Name
		known = known || c.Name == column
	}
	if !known {
		return "", "", fmt.Errorf("there is no column %q to map %q to: use one of %s, or nothing to ignore the column", clip(column), clip(name), strings.Join(all, ", "))
	}
	return name, column, nil
}
