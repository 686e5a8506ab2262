package settings

// Held returns how many rules are remembered.
func (s *Store) Held() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.rules.inOne) + len(s.rules.single) + len(s.rules.patterns)
}
