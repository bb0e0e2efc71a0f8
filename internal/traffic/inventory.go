package traffic

import (
	"path"
	"strings"
)

// Mapping is one line of the inventory: records whose labels match get the labels of Set where they have none.
// Match values may be globs ("az-eu-*"). Match keys beyond the dimensions are free labels of a source
// (base_url, host, backend, key_alias).
type Mapping struct {
	Match map[string]string
	Set   map[string]string
}

// Inventory maps deployments, hosts or base URLs to provider, model and region, because almost no
// gateway logs a region. It is safe for use from several goroutines.
type Inventory struct {
	mappings []Mapping
}

// NewInventory makes an inventory; the first mapping that matches and sets a label wins that label.
func NewInventory(mappings []Mapping) *Inventory {
	return &Inventory{mappings: mappings}
}

// Fill adds what the inventory knows to labels, never overwriting what the source said.
// It tells whether any mapping matched.
func (i *Inventory) Fill(labels map[string]string) bool {
	if i == nil {
		return false
	}
	hit := false
	for _, m := range i.mappings {
		if !m.matches(labels) {
			continue
		}
		hit = true
		for k, v := range m.Set {
			if labels[k] == "" {
				labels[k] = v
			}
		}
	}
	return hit
}

// Reads tells whether any mapping looks at a label: what no mapping looks at changes nothing of what is filled in.
func (i *Inventory) Reads(label string) bool {
	if i == nil {
		return false
	}
	for _, m := range i.mappings {
		if _, ok := m.Match[label]; ok {
			return true
		}
	}
	return false
}

func (m Mapping) matches(labels map[string]string) bool {
	if len(m.Match) == 0 {
		return false
	}
	for k, want := range m.Match {
		have := labels[k]
		if have == "" {
			return false
		}
		if have == want {
			continue
		}
		if !strings.ContainsAny(want, "*?[") {
			return false
		}
		if ok, err := path.Match(want, have); err != nil || !ok {
			return false
		}
	}
	return true
}
