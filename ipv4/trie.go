package ipv4

import "slices"

// node is a binary trie of routes: the n-th bit of an address leads to a child
// of a node at depth n, and entries are for the prefix that leads to them. It is
// never changed: insert and filter return a new root that shares what they left
// alone, so that a lookup needs no lock. A nil *node is an empty trie.
type node struct {
	child   [2]*node
	entries []Entry // best first: by metric, then oldest
}

// insert adds e, whose prefix is length bits of addr, of which depth are behind.
func (n *node) insert(addr uint32, length, depth int, e Entry) *node {
	c := node{}
	if n != nil {
		c = *n
	}
	if depth < length {
		bit := addr >> (31 - depth) & 1
		c.child[bit] = c.child[bit].insert(addr, length, depth+1, e)
		return &c
	}
	i := 0
	for i < len(c.entries) && c.entries[i].Metric <= e.Metric {
		i++
	}
	c.entries = slices.Insert(slices.Clone(c.entries), i, e)
	return &c
}

// remove takes e out, whose prefix is length bits of addr, of which depth are behind.
func (n *node) remove(addr uint32, length, depth int, e Entry) *node {
	if n == nil {
		return nil
	}
	c := *n
	if depth < length {
		bit := addr >> (31 - depth) & 1
		c.child[bit] = c.child[bit].remove(addr, length, depth+1, e)
	} else {
		c.entries = slices.DeleteFunc(slices.Clone(c.entries), func(x Entry) bool { return x == e })
	}
	return c.orNil()
}

// orNil returns n, or nil if there is nothing in it.
func (n *node) orNil() *node {
	if len(n.entries) == 0 && n.child == [2]*node{} {
		return nil
	}
	return n
}

// lookup returns the best entry of the longest prefix that addr has, or nil.
func (n *node) lookup(addr uint32) (best *Entry) {
	for ; n != nil; addr <<= 1 {
		if len(n.entries) > 0 {
			best = &n.entries[0]
		}
		n = n.child[addr>>31]
	}
	return best
}

// at returns the entries of one prefix.
func (n *node) at(addr uint32, length int) []Entry {
	for range length {
		if n == nil {
			return nil
		}
		n = n.child[addr>>31]
		addr <<= 1
	}
	if n == nil {
		return nil
	}
	return n.entries
}

// walk yields all entries, prefixes in the order of their addresses.
func (n *node) walk(yield func(Entry)) {
	if n == nil {
		return
	}
	for _, e := range n.entries {
		yield(e)
	}
	n.child[0].walk(yield)
	n.child[1].walk(yield)
}
