package sqlstore

import (
	"context"
	"fmt"
)

// migrate brings the tables to the version that this package knows, in one
// transaction. Of several processes that open a new database at once one does
// it, and the others wait. Tables of this version are only looked at, so that
// a process without the right to create any can open them, and waits for
// nobody.
func (s *Store) migrate(ctx context.Context) error {
	steps := s.dialect.migrations()
	version := 0
	look := func(c *session) error {
		there, err := s.dialect.hasTable(ctx, c, s.tables.schema)
		if err != nil || !there {
			return err
		}
		if err := c.value(&version, "SELECT coalesce(max(version), 0) FROM "+s.tables.schema); err != nil {
			return err
		}
		if version > len(steps) {
			return fmt.Errorf("the tables %s* have version %d, and this package knows %d at most: they were made by a newer one", s.prefix, version, len(steps))
		}
		return nil
	}
	if err := s.read(ctx, look); err != nil || version == len(steps) {
		return err
	}
	return s.retry(ctx, func() error {
		return s.write(ctx, func(c *session) (bool, error) {
			if err := s.dialect.lockSchema(c); err != nil {
				return false, err
			}
			if err := look(c); err != nil || version == len(steps) {
				return false, err
			}
			for _, step := range steps[version:] {
				for _, statement := range step {
					if err := c.exec(statement); err != nil {
						return false, err
					}
				}
			}
			if err := c.exec("DELETE FROM " + s.tables.schema); err != nil {
				return false, err
			}
			return true, c.exec(fmt.Sprintf("INSERT INTO %s (version) VALUES (%d)", s.tables.schema, len(steps)))
		})
	})
}
