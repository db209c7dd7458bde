// Package sqlstore is reporting.Store on the host's own database, through
// database/sql.
package sqlstore
