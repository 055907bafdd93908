package bolt

// FailWrites takes the file from under the engine, which goes on reading its map.
func FailWrites(s *Store) { _ = s.current.os.Close() }
