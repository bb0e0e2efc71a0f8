package burst

import "signalbox/internal/traffic"

// lately remembers by the numbers of leaves where their keys were found, so that most leaves cost no look into a map. It
// is right whatever the numbers are.
type lately[T any] []struct {
	key traffic.Key
	is  *T
}

// mostLately bounds the numbers that are remembered.
const mostLately = 1 << 14

// find gives what was kept for the key of a leaf, nil where it is not remembered.
func (l lately[T]) find(in *Leaf) *T {
	if int(in.Place) < len(l) && l[in.Place].key == in.Key {
		return l[in.Place].is
	}
	return nil
}

// keep remembers it.
func (l *lately[T]) keep(in *Leaf, is *T) {
	if in.Place == 0 || in.Place >= mostLately {
		return
	}
	if more := int(in.Place) + 1 - len(*l); more > 0 {
		*l = append(*l, make(lately[T], more)...)
	}
	(*l)[in.Place].key, (*l)[in.Place].is = in.Key, is
}
