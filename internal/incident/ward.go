package incident

import "time"

// Ward says who looks after a lever, and until when it is out, as the entries of the journal settle it. Several consoles may write
// one journal: whoever comes first there has the lever, and everybody who reads it comes to the same answer.
type Ward struct {
	Owner string    // the console that looks after it; empty: nobody is known
	Ends  time.Time // its deadline; zero: none is known
}

// Take takes the next entry about the lever and tells whether it holds. live says whether the lever is out, or may be, before it.
//
// Void is a claim (adopted, revert_requested) on a lever that is not out any more or that another console looks after than the
// claim says; an undo because of a deadline that was moved since; and what a console says of a lever that it has lost to another.
func (w *Ward) Take(kind Kind, d *LeverData, live bool) (holds bool) {
	switch kind {
	case LeverPlanned, LeverDeclined:
		return true
	case LeverRequested:
		w.Owner = d.Owner
	case LeverAdopted, LeverRevertRequested:
		moved := d.Due && d.ExpiresAt != nil && d.ExpiresAt.Before(w.Ends)
		if !live || moved || d.Owner != "" && d.From != w.Owner {
			return false
		}
		w.Owner = d.Owner
	case LeverExtendRequested, LeverExtended, LeverExtendFailed:
		if !live {
			return false
		}
	default:
		if d.Owner != "" && w.Owner != "" && d.Owner != w.Owner {
			return false
		}
	}
	if d.ExpiresAt != nil && kind != LeverExtendRequested && kind != LeverExtendFailed {
		w.Ends = *d.ExpiresAt
	}
	return true
}
