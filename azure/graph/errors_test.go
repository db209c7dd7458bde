package graph_test

import (
	"errors"
	"fmt"

	"github.com/mdmkit/devicestatus/azure"
)

// summary is an error's kind, scope and outcome.
func summary(err error) string {
	e, ok := errors.AsType[*azure.Error](err)
	if !ok {
		return fmt.Sprintf("%T: %v", err, err)
	}
	return fmt.Sprintf("%s (%v, %v)", e.Kind, e.Scope, e.Outcome)
}
