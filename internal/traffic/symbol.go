package traffic

import "sync"

// Sym is an interned string. 0 means unknown.
type Sym uint32

// The symbols that every table holds.
const (
	Unknown Sym = 0
	// Other stands for every value that came after the table was full.
	Other Sym = 1
)

// DefaultMaxSymbols bounds a table: a hostile log can name no more values than this.
const DefaultMaxSymbols = 65536

// maxSymbolLen bounds one value; labels longer than this are cut, so that a log cannot fill memory with names.
const maxSymbolLen = 200

// Symbols interns strings. It is shared by sources, board and desk and safe for use from several
// goroutines; symbols never change once given.
type Symbols struct {
	mu    sync.RWMutex
	max   int
	byStr map[string]Sym
	names []string
	full  int64
}

// NewSymbols makes a table of at most limit values; 0 means DefaultMaxSymbols.
func NewSymbols(limit int) *Symbols {
	if limit <= 0 {
		limit = DefaultMaxSymbols
	}
	return &Symbols{
		max:   limit,
		byStr: map[string]Sym{"": Unknown, "other": Other},
		names: []string{"", "other"},
	}
}

// Intern gives the symbol of name, Unknown for "", Other once the table is full.
func (s *Symbols) Intern(name string) Sym {
	if name == "" {
		return Unknown
	}
	if len(name) > maxSymbolLen {
		name = name[:maxSymbolLen]
	}
	s.mu.RLock()
	sym, ok := s.byStr[name]
	s.mu.RUnlock()
	if ok {
		return sym
	}
	return s.add(name)
}

// InternBytes is Intern without an allocation for names that are already known.
func (s *Symbols) InternBytes(name []byte) Sym {
	if len(name) == 0 {
		return Unknown
	}
	if len(name) > maxSymbolLen {
		name = name[:maxSymbolLen]
	}
	s.mu.RLock()
	sym, ok := s.byStr[string(name)]
	s.mu.RUnlock()
	if ok {
		return sym
	}
	return s.add(string(name))
}

func (s *Symbols) add(name string) Sym {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sym, ok := s.byStr[name]; ok {
		return sym
	}
	if len(s.names) >= s.max {
		s.full++
		return Other
	}
	name = string([]byte(name)) // a slice of a log line must not keep the whole line alive
	sym := Sym(len(s.names))
	s.names = append(s.names, name)
	s.byStr[name] = sym
	return sym
}

// Lookup finds a symbol without adding it.
func (s *Symbols) Lookup(name string) (Sym, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	sym, ok := s.byStr[name]
	return sym, ok
}

// Name gives the string of a symbol, "" for Unknown and for a symbol of another table.
func (s *Symbols) Name(sym Sym) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if int(sym) >= len(s.names) {
		return ""
	}
	return s.names[sym]
}

// Refused counts how often a value was folded into Other because the table was full.
func (s *Symbols) Refused() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.full
}
