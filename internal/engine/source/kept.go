package source

import (
	linked "container/list"
)

// keptRefs keeps the refs of those repositories that were used last, up to a
// number in all. The zero value keeps none. Resolver.mu guards it.
type keptRefs struct {
	left    int
	order   linked.List // of *repository, the last used first
	element map[*repository]*linked.Element
}

// maxKeptRefs is how many refs of one repository are kept: a server that has
// hundreds of thousands takes no memory for them.
const maxKeptRefs = 5_000

// keep gives a repository its refs, and takes those of others away. Too many are to
// be taken away by [keptRefs.dropLong].
func (k *keptRefs) keep(known *repository, last *listed) {
	k.drop(known)
	known.refs = last
	if len(last.refs.Commits) > maxKeptRefs {
		return
	}
	if k.element == nil {
		k.element = map[*repository]*linked.Element{}
	}
	k.element[known] = k.order.PushFront(known)
	k.left -= len(last.refs.Commits)
	for k.left < 0 && k.order.Len() > 1 {
		k.drop(k.order.Back().Value.(*repository)) //nolint:forcetypeassert // nothing else is put in
	}
}

// use notes that a repository was used.
func (k *keptRefs) use(known *repository) {
	if element := k.element[known]; element != nil {
		k.order.MoveToFront(element)
	}
}

// drop forgets the refs of a repository.
func (k *keptRefs) drop(known *repository) {
	element := k.element[known]
	if element == nil {
		return
	}
	k.order.Remove(element)
	delete(k.element, known)
	k.left += len(known.refs.refs.Commits)
	known.refs = nil
}

// dropLong takes the refs of a repository away that are too many to keep.
func (k *keptRefs) dropLong(known *repository) {
	if k.element[known] == nil {
		known.refs = nil
	}
}
