package project

// Held returns how many things are remembered.
func (s *Store) Held() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.entries) + len(s.held)
}
