package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
)

// migrate brings the tables to the version that this package knows, in one
// transaction. Of several processes that open a new database at once one does
// it, and the others wait.
func (s *Store) migrate(ctx context.Context) error {
	table := s.prefix + "schema"
	steps := s.dialect.migrations()
	return s.write(ctx, func(ctx context.Context, c *sql.Conn, _ int64) error {
		if err := s.dialect.lockSchema(ctx, c); err != nil {
			return err
		}
		if _, err := c.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+table+" (version INTEGER NOT NULL)"); err != nil {
			return err
		}
		var version int
		if err := c.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM "+table).Scan(&version); err != nil {
			return err
		}
		if version > len(steps) {
			return fmt.Errorf("the tables %s* have version %d, and this package knows %d at most: they were made by a newer one", s.prefix, version, len(steps))
		}
		for _, step := range steps[version:] {
			for _, statement := range step {
				if _, err := c.ExecContext(ctx, statement); err != nil {
					return err
				}
			}
		}
		if version == len(steps) {
			return nil
		}
		if _, err := c.ExecContext(ctx, "DELETE FROM "+table); err != nil {
			return err
		}
		_, err := c.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (version) VALUES (%d)", table, len(steps)))
		return err
	})
}
