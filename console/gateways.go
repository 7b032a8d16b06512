package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"simtransfer/api/problem"
	"simtransfer/client"
	"simtransfer/transfer"
)

// gatewaysView is the list of gateways, with what a probe has found out.
type gatewaysView struct {
	base

	Gateways []client.ListedGateway
	Next     string
	Probe    *client.Probe // of one gateway; nil: none was made
	Edit     string        // name of the gateway that is being changed
}

// gateways shows the gateways that hold data sessions.
func (v *visit) gateways() error { return v.showGateways(nil) }

func (v *visit) showGateways(probe *client.Probe) error {
	q := v.r.URL.Query()
	page, err := v.api.ListGateways(v.ctx(), client.Paging{Limit: 50, Cursor: q.Get("cursor")})
	if err != nil {
		return err
	}
	return v.show("gateways", "Gateways", gatewaysView{base: base{v}, Gateways: page.Items, Next: page.NextCursor, Probe: probe, Edit: q.Get("edit")})
}

// probeGateway asks a worker whether a gateway answers.
func (v *visit) probeGateway() error {
	name := v.r.PostForm.Get("name")
	f := v.posted("probe-" + name)
	probe, err := v.api.ProbeGateway(v.ctx(), name, client.ProbeTarget{NASAddress: f.Value("nas_address")})
	if err != nil {
		return v.refused(f, err, v.gateways)
	}
	return v.showGateways(&probe)
}

// putGateway adds a gateway or changes one.
func (v *visit) putGateway() error {
	f := v.posted("gateway")
	name := f.Value("name")
	err := f.badNumber("port", "max_in_flight", "max_per_second")
	if err == nil && f.Value("edit") != "" {
		err = v.updateGateway(name, f)
	} else if err == nil {
		_, err = v.api.PutGateway(v.ctx(), name, client.GatewaySettings{
			Description: f.Value("description"), Server: f.Value("server"), Secret: f.Value("secret"), Signed: f.Has("require_message_authenticator", "yes"),
			Preset: transfer.GatewayPreset(f.Value("preset")), Attributes: f.Values("attributes"), Port: f.number("port"), Source: f.Value("source_address"),
			MaxInFlight: f.number("max_in_flight"), MaxPerSecond: f.number("max_per_second"), URL: f.Value("url"), URLSecret: f.Value("url_secret"),
		})
	}
	if err != nil {
		f.values.Del("secret") // is not shown again
		f.values.Del("url_secret")
		return v.refused(f, err, v.gateways)
	}
	return v.redirect("/gateways", "Gateway "+name+" is saved. Probe it to see whether it answers.")
}

// updateGateway changes a gateway. Its kind and its attributes are sent only if they
// were changed: a new kind sets the attributes, unless others were picked with it.
func (v *visit) updateGateway(name string, f form) error {
	was, err := v.api.GetGateway(v.ctx(), name)
	if err != nil {
		return err
	}
	description, server, source := client.RemovableText(f.Value("description")), client.RemovableText(f.Value("server")), client.RemovableText(f.Value("source_address"))
	url, signed, list := client.RemovableText(f.Value("url")), f.Has("require_message_authenticator", "yes"), client.RemovableList(f.Values("attributes"))
	port, inFlight, perSecond := client.RemovableNumber(f.number("port")), client.RemovableNumber(f.number("max_in_flight")), client.RemovableNumber(f.number("max_per_second"))
	change := client.GatewayChange{
		Description: &description, Server: &server, Secret: f.Value("secret"), Signed: &signed, Source: &source, MaxInFlight: &inFlight,
		MaxPerSecond: &perSecond, URL: &url, URLSecret: f.Value("url_secret"),
	}
	if preset := transfer.GatewayPreset(f.Value("preset")); preset != was.Preset {
		change.Preset = preset
	}
	if none := len(list) == 0 && change.Preset != ""; !none && !slices.Equal(list, attributeNames(was.Attributes)) {
		change.Attributes = &list
	}
	if int(port) != was.Port {
		change.Port = &port
	}
	_, err = v.api.UpdateGateway(v.ctx(), name, change)
	return err
}

func attributeNames(list []transfer.GatewayAttribute) []string {
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = string(a)
	}
	return names
}

// badNumber returns a problem if a field is filled in, and is no number.
func (f form) badNumber(names ...string) error {
	for _, name := range names {
		if _, err := strconv.ParseUint(f.Value(name), 10, 31); err != nil && f.Value(name) != "" {
			return &client.Problem{Problem: *problem.New(problem.Invalid, "", problem.FieldError{Location: "body." + name, Message: "not a number: give one such as 64, or leave it empty", Value: f.Value(name)})}
		}
	}
	return nil
}

// number returns a number that badNumber has accepted; zero for an empty field.
func (f form) number(name string) int {
	n, _ := strconv.Atoi(f.Value(name))
	return n
}

// Presets lists the kinds of gateways. A new one need not have a kind.
func (g gatewaysView) Presets() []choice {
	var list []choice
	if g.Editing() == nil {
		list = append(list, choice{Text: "Usual: by RFC 5176, or by HTTP if there is a URL"})
	}
	for _, p := range transfer.GatewayPresets() {
		list = append(list, choice{Value: string(p), Text: p.Rules().Title})
	}
	return list
}

// Attributes lists what a Disconnect-Request can have.
func (gatewaysView) Attributes() []transfer.GatewayAttribute { return transfer.GatewayAttributes() }

// Picked reports whether an attribute is checked in the form: of the gateway that is
// being changed, or as the form was sent.
func (g gatewaysView) Picked(a transfer.GatewayAttribute) bool {
	if f := g.Form("gateway"); f.Sent() {
		return f.Has("attributes", string(a))
	}
	e := g.Editing()
	return e != nil && slices.Contains(e.Attributes, a)
}

// Current returns a setting of the gateway that is being changed, empty if it has
// none.
func (g gatewaysView) Current(name string) string {
	e := g.Editing()
	if e == nil {
		return ""
	}
	text := map[string]string{"source_address": e.Source, "url": e.URL}[name]
	if n := map[string]int{"port": e.Port, "max_in_flight": e.MaxInFlight, "max_per_second": e.MaxPerSecond}[name]; n != 0 {
		text = strconv.Itoa(n)
	}
	return text
}

// AttributeText returns the attributes of a gateway in words.
func (gatewaysView) AttributeText(g client.ListedGateway) string {
	return strings.Join(attributeNames(g.Attributes), ", ")
}

// Title returns the name of a kind of gateway.
func (gatewaysView) Title(p transfer.GatewayPreset) string { return p.Rules().Title }

// Note returns what is to be observed with a kind of gateway.
func (gatewaysView) Note(p transfer.GatewayPreset) string { return p.Rules().Note }

// deleteGateway removes a gateway.
func (v *visit) deleteGateway() error {
	name := v.r.PostForm.Get("name")
	f := v.posted("delete-" + name)
	if err := v.api.DeleteGateway(v.ctx(), name, f.Has("open_sessions", "leave")); err != nil {
		return v.refused(f, err, v.gateways)
	}
	return v.redirect("/gateways", "Gateway "+name+" is removed.")
}

// Editing returns the gateway that is being changed; nil for a new one.
func (g gatewaysView) Editing() *client.ListedGateway {
	name := g.Edit
	if f := g.Form("gateway"); f.Sent() && f.Value("edit") != "" {
		name = f.Value("name")
	}
	for i := range g.Gateways {
		if g.Gateways[i].Name == name && name != "" {
			return &g.Gateways[i]
		}
	}
	return nil
}

// EditPath returns the address on which a gateway is changed.
func (gatewaysView) EditPath(name string) string {
	return "/gateways?" + url.Values{"edit": {name}}.Encode() + "#gateway"
}

// IsNetwork reports whether a gateway is a network of several.
func (gatewaysView) IsNetwork(g client.ListedGateway) bool { return strings.Contains(g.Name, "/") }

// ProbeOf returns what a probe of a gateway has found out; nil: there was none.
func (g gatewaysView) ProbeOf(name string) *client.Probe {
	if g.Probe != nil && g.Probe.Gateway == name {
		return g.Probe
	}
	return nil
}

// Works reports whether a probe was answered as it should be.
func (gatewaysView) Works(p client.Probe) bool { return p.Outcome == transfer.ProbeAnswers }

// Command returns a command about a gateway.
func (gatewaysView) Command(verb, name string) string { return "gateways " + verb + " " + name }
