package bucket

import (
	"time"

	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/archive"
)

// remembered returns what is remembered of a scope.
func (s *Store) remembered(of scope) known {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.known[of]; k != nil {
		k.used = time.Now()
		return *k
	}
	return known{}
}

// listed remembers what was listed.
func (s *Store) listed(of scope, found *index) {
	s.change(of, func(k *known) {
		switch {
		case k.last != nil && k.last.revision == found.revision:
			return
		case k.last != nil:
			k.earlier = k.last.revision
		}
		k.last = found
		if k.fetched != nil && k.fetched.revision == found.revision {
			k.last = k.fetched
		}
	})
}

// outdate has the bucket listed again before anything more is fetched of it.
func (s *Store) outdate(of scope, listed *index) {
	s.change(of, func(k *known) {
		if k.last == listed {
			k.last, k.earlier = nil, listed.revision
		}
	})
}

// keep remembers what was fetched.
func (s *Store) keep(wanted revision, now *index, digest archive.Digest) {
	s.change(wanted.scope, func(k *known) { k.fetched, k.digest = now, digest })
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.fetched {
		if len(s.fetched) < maxFetched {
			break
		}
		delete(s.fetched, other) // any: it is fetched again if need be
	}
	s.fetched[wanted] = digest
}

// change changes what is remembered of a scope, and forgets others where that is too much,
// first those that were not used for longest.
func (s *Store) change(of scope, change func(*known)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.known[of]
	if k == nil {
		k = &known{}
		s.known[of] = k
	}
	s.objects -= k.size()
	change(k)
	s.objects += k.size()
	k.used = time.Now()
	for s.objects > s.options.MaxKept && len(s.known) > 1 {
		s.forget(s.oldest(of))
	}
}

// oldest returns the scope that was not used for longest, but for one.
func (s *Store) oldest(but scope) scope {
	var found scope
	var used time.Time
	for of, k := range s.known {
		if of != but && (used.IsZero() || k.used.Before(used)) {
			found, used = of, k.used
		}
	}
	return found
}

// forget drops what is remembered of a scope, for whoever holds the lock.
func (s *Store) forget(of scope) {
	if k := s.known[of]; k != nil {
		s.objects -= k.size()
		delete(s.known, of)
	}
}

// Forget forgets what a bucket has: nobody asks for it any more in that way.
func (s *Store) Forget(repo upstream.Repository) {
	s.mu.Lock()
	defer s.mu.Unlock()
	access := repo.Access()
	for of := range s.known {
		if of.access == access {
			s.forget(of)
		}
	}
}
