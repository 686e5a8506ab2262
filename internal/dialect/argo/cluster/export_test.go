package cluster

// Held returns how many Secrets the store remembers.
func (s *Store) Held() int {
	held := 0
	for _, entries := range s.entries {
		held += len(entries)
	}
	return held + len(s.named) + len(s.told)
}
