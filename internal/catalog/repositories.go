package catalog

import (
	"maps"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// maxNames is how many repositories what an App reads may name for all of them to be
// known: a source has at most 100 submodules.
const maxNames = 1000

// Name takes note of a repository that what an App reads names, such as that of a
// submodule, until the App has read all without naming it again; see [Apps.Follow].
func (a *Apps) Name(id syncline.AppID, address upstream.Address) {
	key := address.OfGit().Key()
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.rows[id]
	if known == nil || len(known.naming) >= maxNames {
		return
	}
	if known.naming == nil {
		known.naming = map[string]struct{}{}
	}
	known.naming[key] = struct{}{}
	add(a.byName, key, id)
}

// Follow takes note of what an App is given from elsewhere, beside its sources, once it
// has read all.
func (a *Apps) Follow(id syncline.AppID, elsewhere []syncline.Source) {
	a.mu.Lock()
	known := a.rows[id]
	if known == nil {
		a.mu.Unlock()
		return
	}
	a.renew(known)
	known.elsewhere = elsewhere
	left := a.reindex(known, known.app())
	a.mu.Unlock()
	a.tell(syncline.AppID{}, left)
}

// renew forgets what an App named before and not since.
func (a *Apps) renew(known *row) {
	for key := range known.named {
		if _, again := known.naming[key]; !again {
			remove(a.byName, key, known.app().ID)
		}
	}
	known.named, known.naming = known.naming, nil
}

// leaveNames forgets all that an App named.
func (a *Apps) leaveNames(known *row) {
	a.renew(known)
	a.renew(known)
}

// OfRepository returns the Apps that read the repository of that
// [upstream.Address.Key], or something that names it, in the order of their names.
func (a *Apps) OfRepository(key string) []syncline.AppID {
	a.mu.RLock()
	defer a.mu.RUnlock()
	found := maps.Clone(a.byRepository[key])
	if found == nil {
		return sorted(a.byName[key])
	}
	maps.Copy(found, a.byName[key])
	return sorted(found)
}

// OfRepositories returns the Apps that read a repository whose key begins so, or
// something that names one, in the order of their names. It looks at every repository.
func (a *Apps) OfRepositories(prefix string) []syncline.AppID {
	a.mu.RLock()
	defer a.mu.RUnlock()
	found := map[syncline.AppID]struct{}{}
	for _, index := range []map[string]map[syncline.AppID]struct{}{a.byRepository, a.byName} {
		for key, ids := range index {
			if strings.HasPrefix(key+"/", prefix) {
				maps.Copy(found, ids)
			}
		}
	}
	return sorted(found)
}

// Ways returns how Apps come to the repository of that key: once, however many
// they are.
func (a *Apps) Ways(key string) []Way {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.Collect(maps.Keys(a.ways[key]))
}
