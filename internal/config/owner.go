package config

import (
	"io/fs"
	"os"
	"syscall"
)

// strangers tells who else could have written a file; "" where nobody but the operator and root could.
func strangers(info fs.FileInfo) string {
	if info.Mode().Perm()&0o002 != 0 {
		return "anyone may write it"
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int64(st.Uid) != int64(os.Geteuid()) {
		return "it belongs to another user"
	}
	return ""
}
