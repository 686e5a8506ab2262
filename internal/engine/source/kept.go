package source

import (
	linked "container/list"
)

// keptListings keeps what was listed of those repositories that were used last, up
// to a size in all. The zero value keeps none. Resolver.mu guards it.
type keptListings struct {
	left    int
	order   linked.List // of *repository, the last used first
	element map[*repository]*linked.Element
}

// maxKept is the size of what is kept of one repository: a server that has hundreds
// of thousands of entries takes no memory for them.
const maxKept = 5_000

// keep gives a repository what was listed of it, and takes that of others away. Too
// much is to be taken away by [keptListings.dropLong].
func (k *keptListings) keep(known *repository, last *listed) {
	k.drop(known)
	known.last = last
	if last.Size() > maxKept {
		return
	}
	if k.element == nil {
		k.element = map[*repository]*linked.Element{}
	}
	k.element[known] = k.order.PushFront(known)
	k.left -= last.Size()
	for k.left < 0 && k.order.Len() > 1 {
		k.drop(k.order.Back().Value.(*repository)) //nolint:forcetypeassert // nothing else is put in
	}
}

// use notes that a repository was used.
func (k *keptListings) use(known *repository) {
	if element := k.element[known]; element != nil {
		k.order.MoveToFront(element)
	}
}

// drop forgets what was listed of a repository.
func (k *keptListings) drop(known *repository) {
	element := k.element[known]
	if element == nil {
		return
	}
	k.order.Remove(element)
	delete(k.element, known)
	k.left += known.last.Size()
	known.last = nil
}

// dropLong takes away what was listed of a repository that is too much to keep.
func (k *keptListings) dropLong(known *repository) {
	if k.element[known] == nil {
		known.last = nil
	}
}
