package api

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// The document lists the values of every enumeration, and Huma checks
// parameters and bodies against them. The lists come from the types
// themselves, so an enum tag is needed only where a field allows fewer values.

// registerEnums makes the registry describe each type by its stand-in below.
func registerEnums(r huma.Registry) {
	for enum, standIn := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[transfer.RequestState]():  reflect.TypeFor[requestStateSchema](),
		reflect.TypeFor[transfer.PullState]():     reflect.TypeFor[pullStateSchema](),
		reflect.TypeFor[transfer.CodeState]():     reflect.TypeFor[codeStateSchema](),
		reflect.TypeFor[transfer.State]():         reflect.TypeFor[stateSchema](),
		reflect.TypeFor[transfer.Status]():        reflect.TypeFor[statusSchema](),
		reflect.TypeFor[transfer.Method]():        reflect.TypeFor[methodSchema](),
		reflect.TypeFor[transfer.Reason]():        reflect.TypeFor[reasonSchema](),
		reflect.TypeFor[transfer.Event]():         reflect.TypeFor[decisionSchema](),
		reflect.TypeFor[transfer.Outcome]():       reflect.TypeFor[outcomeSchema](),
		reflect.TypeFor[transfer.DecisionCode]():  reflect.TypeFor[decisionCodeSchema](),
		reflect.TypeFor[transfer.Party]():         reflect.TypeFor[partySchema](),
		reflect.TypeFor[transfer.ChangeKind]():    reflect.TypeFor[changeKindSchema](),
		reflect.TypeFor[transfer.EventKind]():     reflect.TypeFor[eventKindSchema](),
		reflect.TypeFor[storage.Role]():           reflect.TypeFor[roleSchema](),
		reflect.TypeFor[storage.Permission]():     reflect.TypeFor[permissionSchema](),
		reflect.TypeFor[transfer.AuditAction]():   reflect.TypeFor[auditActionSchema](),
		reflect.TypeFor[transfer.AuditActor]():    reflect.TypeFor[auditActorSchema](),
		reflect.TypeFor[storage.Standing]():       reflect.TypeFor[standingSchema](),
		reflect.TypeFor[transfer.ProbeOutcome]():  reflect.TypeFor[probeOutcomeSchema](),
		reflect.TypeFor[transfer.GatewayPreset](): reflect.TypeFor[gatewayPresetSchema](),

		reflect.TypeFor[transfer.GatewayAttribute](): reflect.TypeFor[gatewayAttributeSchema](),
		reflect.TypeFor[storage.IdentifierKind]():    reflect.TypeFor[identifierKindSchema](),
		reflect.TypeFor[storage.InvitationState]():   reflect.TypeFor[invitationStateSchema](),
		reflect.TypeFor[storage.EmailUseKind]():      reflect.TypeFor[emailUseKindSchema](),
		reflect.TypeFor[transfer.MessageType]():      reflect.TypeFor[messageTypeSchema](),
		reflect.TypeFor[transfer.DeliveryState]():    reflect.TypeFor[deliveryStateSchema](),
		reflect.TypeFor[transfer.MailKind]():         reflect.TypeFor[mailKindSchema](),
		reflect.TypeFor[transfer.MailType]():         reflect.TypeFor[mailTypeSchema](),
		reflect.TypeFor[transfer.MailState]():        reflect.TypeFor[mailStateSchema](),
		reflect.TypeFor[transfer.ContactPurpose]():   reflect.TypeFor[contactPurposeSchema](),
		reflect.TypeFor[transfer.DisabledReason]():   reflect.TypeFor[disabledReasonSchema](),
		reflect.TypeFor[storage.BulkRefusalCode]():   reflect.TypeFor[bulkRefusalCodeSchema](),
	} {
		r.RegisterTypeAlias(enum, standIn)
	}
}

// The packages of the rules do not know Huma, so each type has a stand-in that
// implements huma.SchemaProvider.
type (
	requestStateSchema string
	emailUseKindSchema string
	pullStateSchema    string
	codeStateSchema    string
	stateSchema        string
	statusSchema       string
	methodSchema       string
	reasonSchema       string
	decisionSchema     string
	outcomeSchema      string
	partySchema        string
	changeKindSchema   string
	eventKindSchema    string
	roleSchema         string
	permissionSchema   string
	auditActionSchema  string
	auditActorSchema   string
	standingSchema     string
	probeOutcomeSchema string

	decisionCodeSchema    string
	identifierKindSchema  string
	bulkRefusalCodeSchema string
	invitationStateSchema string
	messageTypeSchema     string
	deliveryStateSchema   string
	disabledReasonSchema  string

	gatewayPresetSchema    string
	gatewayAttributeSchema string
)

func (gatewayPresetSchema) Schema(huma.Registry) *huma.Schema {
	return enum(transfer.GatewayPresets())
}

func (gatewayAttributeSchema) Schema(huma.Registry) *huma.Schema {
	return enum(transfer.GatewayAttributes())
}

func (requestStateSchema) Schema(huma.Registry) *huma.Schema { return enum(transfer.RequestStates()) }
func (pullStateSchema) Schema(huma.Registry) *huma.Schema    { return enum(transfer.PullStates()) }
func (codeStateSchema) Schema(huma.Registry) *huma.Schema    { return enum(transfer.CodeStates()) }
func (stateSchema) Schema(huma.Registry) *huma.Schema        { return enum(transfer.States()) }
func (statusSchema) Schema(huma.Registry) *huma.Schema       { return enum(transfer.Statuses()) }
func (methodSchema) Schema(huma.Registry) *huma.Schema       { return enum(transfer.Methods()) }
func (reasonSchema) Schema(huma.Registry) *huma.Schema       { return enum(transfer.Reasons()) }
func (decisionSchema) Schema(huma.Registry) *huma.Schema     { return enum(transfer.Decisions()) }
func (outcomeSchema) Schema(huma.Registry) *huma.Schema      { return enum(transfer.Outcomes()) }
func (partySchema) Schema(huma.Registry) *huma.Schema        { return enum(transfer.Parties()) }
func (changeKindSchema) Schema(huma.Registry) *huma.Schema   { return enum(transfer.ChangeKinds()) }
func (eventKindSchema) Schema(huma.Registry) *huma.Schema    { return enum(transfer.EventKinds()) }
func (roleSchema) Schema(huma.Registry) *huma.Schema         { return enum(storage.Roles()) }
func (permissionSchema) Schema(huma.Registry) *huma.Schema   { return enum(storage.Permissions()) }
func (auditActionSchema) Schema(huma.Registry) *huma.Schema  { return enum(transfer.AuditActions()) }
func (auditActorSchema) Schema(huma.Registry) *huma.Schema   { return enum(transfer.AuditActors()) }
func (standingSchema) Schema(huma.Registry) *huma.Schema     { return enum(storage.Standings()) }
func (probeOutcomeSchema) Schema(huma.Registry) *huma.Schema { return enum(transfer.ProbeOutcomes()) }

func (decisionCodeSchema) Schema(huma.Registry) *huma.Schema { return enum(transfer.DecisionCodes()) }

func (identifierKindSchema) Schema(huma.Registry) *huma.Schema {
	return enum(storage.IdentifierKinds())
}

func (bulkRefusalCodeSchema) Schema(huma.Registry) *huma.Schema {
	return enum(storage.BulkRefusalCodes())
}

func (emailUseKindSchema) Schema(huma.Registry) *huma.Schema {
	return enum(storage.EmailUseKinds())
}

func (invitationStateSchema) Schema(huma.Registry) *huma.Schema {
	return enum(storage.InvitationStates())
}

func (messageTypeSchema) Schema(huma.Registry) *huma.Schema { return enum(transfer.MessageTypes()) }

func (deliveryStateSchema) Schema(huma.Registry) *huma.Schema {
	return enum(transfer.DeliveryStates())
}

func (disabledReasonSchema) Schema(huma.Registry) *huma.Schema {
	return enum(transfer.DisabledReasons())
}

func enum[T ~string](values []T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

// allowNull adds null to the values of every enumeration that can be null.
// JSON Schema requires it; Huma leaves it out.
func allowNull(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Nullable && len(s.Enum) > 0 {
		s.Enum = append(s.Enum, nil)
	}
	for _, property := range s.Properties {
		allowNull(property)
	}
	allowNull(s.Items)
}

type (
	mailKindSchema       string
	mailTypeSchema       string
	mailStateSchema      string
	contactPurposeSchema string
)

func (mailKindSchema) Schema(huma.Registry) *huma.Schema  { return enum(transfer.MailKinds()) }
func (mailTypeSchema) Schema(huma.Registry) *huma.Schema  { return enum(transfer.MailTypes()) }
func (mailStateSchema) Schema(huma.Registry) *huma.Schema { return enum(transfer.MailStates()) }

func (contactPurposeSchema) Schema(huma.Registry) *huma.Schema {
	return enum(transfer.ContactPurposes())
}
