//go:build !unix

package sqlstore_test

import "time"

// processor is not known here.
func processor() time.Duration { return 0 }
