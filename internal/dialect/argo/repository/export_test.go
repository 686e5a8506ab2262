package repository

// Held returns how many things are remembered.
func (s *Store) Held() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.entries) + len(s.repositories) + len(s.templates)
}

// Held returns how many things are remembered.
func (t *Trust) Held() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.knownHosts) + len(t.certificates)
}
