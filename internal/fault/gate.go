package fault

// gate tells whether a text tells of no failure at all.
func gate(*text) (finding, bool) { return finding{}, false }
