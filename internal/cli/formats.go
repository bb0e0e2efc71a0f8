package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"signalbox/internal/config"
	"signalbox/sources/decode"
)

// mappingBytes bounds a mapping file that is read; the parser has a bound of its own, and says so.
const mappingBytes = 1 << 20

// mappingFile reads a mapping file, once for each path.
func (a *app) mappingFile(path string) (*decode.Mapping, error) {
	for _, m := range a.formats {
		if m.File == path {
			return m, nil
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the mapping file: %w", err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, mappingBytes))
	if err != nil {
		return nil, fmt.Errorf("the mapping file: %w", err)
	}
	m, err := decode.ParseFormat(path, src)
	if err != nil {
		return nil, err
	}
	for _, other := range a.formats {
		if other.Name == m.Name {
			return nil, fmt.Errorf("%s: the format is called %s, and so is that of %s: rename one", path, m.Name, other.File)
		}
	}
	a.formats = append(a.formats, m)
	return m, nil
}

// sourceFormats reads the mapping files that the sources name, and calls the formats by the names within.
func (a *app) sourceFormats(cfg *config.Config) error {
	for i := range cfg.Sources {
		s := &cfg.Sources[i]
		if s.FormatFile == "" {
			continue
		}
		m, err := a.mappingFile(s.FormatFile)
		if err != nil {
			return fmt.Errorf("%s:%d: format of source %s: %w", s.At.File, s.At.Line, s.Name, err)
		}
		around := s.Format[:strings.LastIndexByte(s.Format, '+')+1]
		s.Format = around + m.Name
		if err := a.heldFormat(m); err != nil {
			return err
		}
	}
	return nil
}

// heldFormat checks that the format within an envelope is known.
func (a *app) heldFormat(m *decode.Mapping) error {
	if _, err := decode.New(m.Name, decode.Options{Formats: a.formats}); err != nil {
		return fmt.Errorf("%s: %w", m.File, err)
	}
	return nil
}

// formatFlag checks what --format says, and gives the name of the format.
func (a *app) formatFlag(format string) (string, error) {
	inner := format[strings.LastIndexByte(format, '+')+1:]
	if config.IsFormatFile(inner) {
		m, err := a.mappingFile(inner)
		if err == nil {
			err = a.heldFormat(m)
		}
		if err != nil {
			return "", &usageError{err: fmt.Errorf("--format: %w", err), try: "docs/sources.md tells how such a file is written"}
		}
		format = strings.TrimSuffix(format, inner) + m.Name
		if around := strings.TrimSuffix(strings.TrimSuffix(format, m.Name), "+"); around != "" && decode.Check(around) != nil {
			return "", &usageError{err: fmt.Errorf("--format: %q is no wrapper", around), try: strings.Join(decode.Wrappers(), ", ")}
		}
		return format, nil
	}
	if slices.ContainsFunc(a.formats, func(m *decode.Mapping) bool { return m.Name == inner }) {
		return format, nil
	}
	if format == "" || decode.Check(format) != nil {
		return "", &usageError{err: fmt.Errorf("--format %q is not one of auto, %s, nor the path of a mapping file, nor one in a wrapper such as cri+json with %s",
			format, strings.Join(decode.Formats(), ", "), strings.Join(decode.Wrappers(), ", "))}
	}
	return format, nil
}
