package repository

// Held returns how many things are remembered.
func (s *Store) Held() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.entries) + len(s.repositories) + len(s.templates)
}
