package openid

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// Settings say with which provider people sign in. The fields are flags of
// simtransfer api.
type Settings struct {
	Issuer       string `env:"SIMTRANSFER_OIDC_ISSUER" placeholder:"LINK" help:"OpenID provider with which people sign in: its issuer, such as https://login.example.com/realms/iot. Its discovery document is read when it is first needed. Register SIMTRANSFER_PUBLIC_URL followed by /sign-in/callback there as the redirect URI. Default: none."`
	ClientID     string `name:"client-id" env:"SIMTRANSFER_OIDC_CLIENT_ID" placeholder:"ID" help:"Client id that the provider has given to this service."`
	ClientSecret string `env:"SIMTRANSFER_OIDC_CLIENT_SECRET" placeholder:"SECRET" help:"Client secret. A flag is visible to every user of the host (ps): set the variable."`
	Name         string `env:"SIMTRANSFER_OIDC_NAME" placeholder:"NAME" help:"What the button of the sign-in page calls the provider. Default: the host of the issuer."`
	Scopes       string `env:"SIMTRANSFER_OIDC_SCOPES" help:"Scopes that are asked for besides openid, separated by commas."`
	StaffClaim   string `env:"SIMTRANSFER_OIDC_STAFF_CLAIM" placeholder:"CLAIM" help:"Claim whose values decide who belongs to staff, such as groups, or realm_access.roles for a claim within another. Default: none; staff is invited."`
	StaffRoles   string `env:"SIMTRANSFER_OIDC_STAFF_ROLES" placeholder:"VALUE=ROLE,…" help:"Values of that claim and the roles that they give, such as iot-admins=admin,iot-support=support; separated by semicolons if a value has commas. The first value that a person has decides. The role is granted and taken away at each sign-in."`
}

// DefaultSettings returns the defaults.
func DefaultSettings() Settings { return Settings{Scopes: "email,profile"} }

// Given reports whether the settings name a provider.
func (s Settings) Given() bool { return s.Issuer != "" }

// Check refuses settings that do not belong together. roles are the roles of staff.
func (s Settings) Check(roles []string) error {
	if !s.Given() {
		for name, value := range map[string]string{
			"CLIENT_ID": s.ClientID, "CLIENT_SECRET": s.ClientSecret, "NAME": s.Name, "STAFF_CLAIM": s.StaffClaim, "STAFF_ROLES": s.StaffRoles,
		} {
			if value != "" {
				return fmt.Errorf("SIMTRANSFER_OIDC_%s is set, but not SIMTRANSFER_OIDC_ISSUER: set it to the OpenID provider", name)
			}
		}
		return nil
	}
	u, err := url.Parse(s.Issuer)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return fmt.Errorf("SIMTRANSFER_OIDC_ISSUER is %q: use an address that starts with https:// and has no query, as the provider's discovery document names it (http:// only for a provider on this machine)", s.Issuer)
	case s.ClientID == "" || s.ClientSecret == "":
		return errors.New("SIMTRANSFER_OIDC_ISSUER is set, but SIMTRANSFER_OIDC_CLIENT_ID or SIMTRANSFER_OIDC_CLIENT_SECRET is not: set both to what the provider has given to this service")
	case (s.StaffClaim == "") != (s.StaffRoles == ""):
		return errors.New("set SIMTRANSFER_OIDC_STAFF_CLAIM and SIMTRANSFER_OIDC_STAFF_ROLES together, or neither")
	}
	for _, scope := range s.scopes() {
		if scope == "" || strings.ContainsFunc(scope, unicode.IsSpace) {
			return fmt.Errorf("SIMTRANSFER_OIDC_SCOPES is %q: separate scopes by commas", s.Scopes)
		}
	}
	for _, g := range s.grants() {
		if g.value == "" || !slices.Contains(roles, g.role) {
			return fmt.Errorf("SIMTRANSFER_OIDC_STAFF_ROLES has %q: use a value of the claim, = and a role (%s), such as iot-support=support", g.value+"="+g.role, strings.Join(roles, ", "))
		}
	}
	return nil
}

func (s Settings) scopes() []string {
	if s.Scopes == "" {
		return nil
	}
	return strings.Split(s.Scopes, ",")
}

// grant is a value of the claim and the role that it gives.
type grant struct{ value, role string }

// grants returns what StaffRoles says, in its order. Pairs are separated by semicolons
// if there is one, so that a value may contain commas, as the names of directories do:
// CN=iot-admins,OU=Groups=admin; otherwise by commas. A value may contain equals signs.
func (s Settings) grants() []grant {
	if s.StaffRoles == "" {
		return nil
	}
	var list []grant
	separator := ","
	if strings.Contains(s.StaffRoles, ";") {
		separator = ";"
	}
	for pair := range strings.SplitSeq(strings.TrimSuffix(s.StaffRoles, ";"), separator) {
		i := strings.LastIndexByte(pair, '=')
		list = append(list, grant{value: strings.TrimSpace(pair[:max(i, 0)]), role: strings.TrimSpace(pair[i+1:])})
	}
	return list
}

func isLoopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

// DecidesRole reports whether the provider decides who has a role of staff.
func (s Settings) DecidesRole(role string) bool {
	return slices.ContainsFunc(s.grants(), func(g grant) bool { return g.role == role })
}

// staffRole returns the role that the claims of a person give, or "".
func (s Settings) staffRole(claims map[string]any) string {
	values := valuesOf(claims, s.StaffClaim)
	for _, g := range s.grants() {
		if slices.Contains(values, g.value) {
			return g.role
		}
	}
	return ""
}

// valuesOf returns the values of a claim: a text, a list of texts, or the names of
// an object's fields. A name with dots is that of a claim, or a path to one.
func valuesOf(claims map[string]any, name string) []string {
	claim, ok := claims[name]
	for !ok {
		first, rest, dotted := strings.Cut(name, ".")
		inner, isObject := claims[first].(map[string]any)
		if !dotted || !isObject {
			return nil
		}
		claims, name = inner, rest
		claim, ok = claims[name]
	}
	var list []string
	switch c := claim.(type) {
	case string:
		list = append(list, c)
	case []any:
		for _, v := range c {
			if text, isText := v.(string); isText {
				list = append(list, text)
			}
		}
	case map[string]any:
		for field := range c {
			list = append(list, field)
		}
	}
	return list
}
