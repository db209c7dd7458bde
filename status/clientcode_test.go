package status_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/status"
)

func TestClientCodeFacts(t *testing.T) {
	type facts struct {
		Known, UserCanResolve, HoldsCompliant bool
		MissingID                             status.BlankReason
		Description                           string
	}
	for code, want := range map[status.ClientCode]facts{
		status.CodeSuccess:                          {true, false, false, status.BlankNoID, "the device id could be retrieved"},
		status.CodeInternalError:                    {true, false, false, status.BlankClientError, "an unrecoverable error in the client or on the server side"},
		status.CodeWorkplaceJoinRequired:            {true, true, true, status.BlankClientError, "the device must be registered"},
		status.CodeInteractionRequired:              {true, true, false, status.BlankClientError, "an interactive sign-in is required"},
		status.CodeServerDeclinedScopes:             {true, false, false, status.BlankClientError, "access to some scopes was not granted"},
		status.CodeServerProtectionPoliciesRequired: {true, false, false, status.BlankClientError, "the resource is protected by an Intune conditional access policy"},
		status.CodeUserCancelled:                    {true, false, false, status.BlankClientError, "the user dismissed the web sign-in"},
		status.CodeAccountLoggedOut:                 {true, false, true, status.BlankClientError, "the account is signed out"},
		"account signed out":                        {true, false, true, status.BlankClientError, "the account is signed out"},
		"Some_New_Code":                             {false, false, true, status.BlankClientError, "a code that this version does not know"},
		"":                                          {false, false, true, status.BlankNoResult, ""},
		"  ":                                        {false, false, true, status.BlankNoResult, ""},
	} {
		got := facts{code.Known(), code.UserCanResolve(), code.HoldsCompliant(), code.MissingID(), code.Description()}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("facts of %q (-want +got):\n%s", string(code), diff)
		}
	}
}

// A code that was converted and not parsed is written in canonical text.
func TestClientCodeIsWrittenCanonically(t *testing.T) {
	raw := status.ClientCode("user canceled\n")
	if got := fmt.Sprint(raw); got != "User_Cancelled" {
		t.Errorf("Sprint = %q, want User_Cancelled", got)
	}
	appended, err := raw.AppendText([]byte("code="))
	if err != nil || !bytes.Equal(appended, []byte("code=User_Cancelled")) {
		t.Errorf("AppendText = %q, %v, want code=User_Cancelled", appended, err)
	}
	j, err := json.Marshal([]status.ClientCode{raw, "", "New<Code>"})
	if err != nil || string(j) != `["User_Cancelled","","New\u003cCode\u003e"]` {
		t.Errorf("JSON = %s, %v", j, err)
	}
}

func TestClientCodeAsMapKey(t *testing.T) {
	want := map[status.ClientCode]int{status.CodeSuccess: 3, status.CodeAccountLoggedOut: 1}
	var got map[status.ClientCode]int
	if err := json.Unmarshal([]byte(`{"success":3,"account signed out":1}`), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("map keys (-want +got):\n%s", diff)
	}
}
