package command

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"simtransfer/cli"
)

// helpCommand is rewritten to the flag --help by commands.parse.
type helpCommand struct {
	Command []string `arg:"" optional:"" help:"Command, such as requests accept. Default: all commands."`
}

// Help returns the detailed help.
func (helpCommand) Help() string {
	return `Prints the same as the command with --help.

Examples:

    simtransfer help
    simtransfer help requests accept`
}

type manCommand struct {
	Command []string `arg:"" optional:"" help:"Command, such as requests accept. Default: the page about the program, which lists the commands."`
	Folder  string   `placeholder:"FOLDER" predictor:"file" help:"Write the page of the program and those of all commands to this folder, which is created, such as simtransfer.1 and simtransfer-requests-accept.1."`
}

// Validate implements kong's validation.
func (c *manCommand) Validate() error {
	if c.Folder != "" && len(c.Command) > 0 {
		return fmt.Errorf("--folder gets the pages of all commands: leave the command out")
	}
	return nil
}

// Help returns the detailed help.
func (manCommand) Help() string {
	return `Prints a manual page, or writes all of them to a folder.

Examples:

    simtransfer man > simtransfer.1
    simtransfer man requests accept | man -l -
    simtransfer man --folder=/usr/local/share/man/man1`
}

// Run runs the command.
func (c *manCommand) Run() error {
	parser, err := newCommands().parser(io.Discard, nil)
	if err != nil {
		return err
	}
	if c.Folder == "" {
		node, err := findCommand(parser.Model, c.Command)
		if err != nil {
			return err
		}
		_, err = io.WriteString(os.Stdout, manPage(parser.Model, node))
		return err
	}
	if err := os.MkdirAll(c.Folder, 0o755); err != nil { //nolint:gosec // manual pages are for all users
		return fmt.Errorf("creating the folder: %w", err)
	}
	return writeManPages(c.Folder, parser.Model, parser.Model.Node)
}

// writeManPages writes the page of a command and those of its subcommands.
func writeManPages(folder string, app *kong.Application, node *kong.Node) error {
	name := filepath.Join(folder, pageName(app, node)+".1")
	if err := os.WriteFile(name, []byte(manPage(app, node)), 0o644); err != nil { //nolint:gosec // as above
		return fmt.Errorf("writing a manual page: %w", err)
	}
	for _, child := range visibleCommands(node) {
		if err := writeManPages(folder, app, child); err != nil {
			return err
		}
	}
	return nil
}

// findCommand returns the command with the given name, which has a word for each level.
func findCommand(app *kong.Application, words []string) (*kong.Node, error) {
	node := app.Node
	for i, word := range words {
		var found *kong.Node
		for _, child := range visibleCommands(node) {
			if child.Name == word {
				found = child
			}
		}
		if found == nil {
			return nil, fmt.Errorf("there is no command %q: see simtransfer --help", strings.Join(words[:i+1], " "))
		}
		node = found
	}
	return node, nil
}

func visibleCommands(node *kong.Node) []*kong.Node {
	var list []*kong.Node
	for _, child := range node.Children {
		if child.Type == kong.CommandNode && !child.Hidden {
			list = append(list, child)
		}
	}
	return list
}

// pageName is the name of a manual page, such as simtransfer-requests-accept.
func pageName(app *kong.Application, node *kong.Node) string {
	if node == app.Node {
		return app.Name
	}
	return pageName(app, node.Parent) + "-" + node.Name
}

// manPage returns the manual page of a command in the format of man(7).
func manPage(app *kong.Application, node *kong.Node) string {
	page := &roff{}
	name := pageName(app, node)
	page.macro("TH", strings.ToUpper(name), "1", "", app.Name+" "+version(), "User commands")
	page.WriteString(".nh\n.ad l\n") // words are copied to a command line
	page.macro("SH", "NAME")
	page.text(name + " - " + strings.TrimSuffix(node.Help, "."))
	page.macro("SH", "SYNOPSIS")
	page.macro("B", app.Name)
	page.text(strings.TrimSpace(node.Summary()))
	page.macro("SH", "DESCRIPTION")
	page.text(node.Help)
	page.paragraphs(node.Detail)
	if len(node.Positional) > 0 {
		page.macro("SH", "ARGUMENTS")
		for _, value := range node.Positional {
			page.item(value.Summary(), kong.DefaultHelpValueFormatter(value))
		}
	}
	page.macro("SH", "OPTIONS")
	for _, flags := range slices.Backward(node.AllFlags(true)) { // its own first
		for _, f := range flags {
			page.item(f.String(), kong.DefaultHelpValueFormatter(f.Value))
		}
	}
	see := []string{app.Name}
	group := ""
	if children := visibleCommands(node); len(children) > 0 {
		page.macro("SH", "COMMANDS")
		see = nil
		for _, child := range children {
			if g := child.Group; node == app.Node && g != nil && g.Title != group {
				group = g.Title
				page.macro("SS", g.Title)
			}
			page.item(strings.TrimSpace(app.Name+" "+child.Path()), child.Help)
			see = append(see, pageName(app, child))
		}
	}
	if node != app.Node { // whose help has the exit codes
		page.macro("SH", "EXIT STATUS")
		page.paragraphs(exitCodesOf(node))
	}
	page.macro("SH", "SEE ALSO")
	for i, s := range see {
		if see[i] = s + "(1)"; node.Parent != nil && node.Parent != app.Node && i == 0 && len(visibleCommands(node)) == 0 {
			see[i] += ", " + pageName(app, node.Parent) + "(1)"
		}
	}
	page.text(strings.Join(see, ", "))
	return page.String()
}

// exitCodesOf describes the exit codes of a command.
func exitCodesOf(node *kong.Node) string {
	if group := node.ClosestGroup(); group != nil && group.Key == "use" {
		return cli.ExitCodes
	}
	return "Exit codes: 0 success, 1 the command failed or found problems, 2 wrong usage."
}

// roff writes the text of a manual page.
type roff struct{ strings.Builder }

// macro writes a line with a macro.
func (r *roff) macro(name string, arguments ...string) {
	r.WriteString("." + name)
	for _, a := range arguments {
		r.WriteString(` "` + strings.ReplaceAll(escapeRoff(a), `"`, `\(dq`) + `"`)
	}
	r.WriteString("\n")
}

// text writes a line of text.
func (r *roff) text(line string) {
	line = escapeRoff(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line // it is no macro
	}
	r.WriteString(line + "\n")
}

// item writes a term and its description.
func (r *roff) item(term, description string) {
	r.macro("TP")
	r.macro("B", term)
	r.text(description)
}

// paragraphs writes paragraphs that are separated by blank lines. Indented lines
// are examples and tables, whose lines are kept.
func (r *roff) paragraphs(text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	example := false
	r.macro("PP")
	for line := range strings.SplitSeq(text, "\n") {
		indented := strings.HasPrefix(line, "    ")
		if indented != example && line != "" {
			example = indented
			r.macro(map[bool]string{true: "EX", false: "EE"}[example])
		}
		switch {
		case line == "" && !example:
			r.macro("PP")
		case line != "":
			r.text(line)
		}
	}
	if example {
		r.macro("EE")
	}
}

// escapeRoff makes text stand for itself. A hyphen becomes a minus sign, which can
// be copied to a command line.
func escapeRoff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ").Replace(text)
}
