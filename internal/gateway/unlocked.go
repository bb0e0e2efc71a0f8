package gateway

import (
	"context"
	"fmt"
)

// Glance is one control of one instance as just read.
type Glance struct {
	Value Value
	Rev   string // of the process: another one has forgotten what was set
}

// Unlocked changes controls of a gateway that has no lock: each is read before (it still has to show what the plan
// read) and after (it has to show what was set), and nothing is overwritten that somebody else set meanwhile.
type Unlocked struct {
	Done string             // what has not happened where nothing was done: "sent", "run"
	Show func(Value) string // words a value for a message
	Look func(ctx context.Context, ip InstancePlan) (Glance, error)
	// Set gives the i-th control of the plan a value and reads it back; r is the receipt so far.
	Set func(ctx context.Context, i int, ip InstancePlan, want Value, r InstanceReceipt) InstanceReceipt
	// Restarted says that another process answers than the one that was read; nil: a restart forgets nothing.
	Restarted func(ip InstancePlan, now Glance) string
	// Restored is told of each control that is back where the plan found it; may be nil.
	Restored func(ip InstancePlan)
}

// Apply does what the plan says, on all instances side by side.
func (u Unlocked) Apply(ctx context.Context, p Plan, idemKey string) Receipt {
	return p.Everywhere(idemKey, func(i int, ip InstancePlan) InstanceReceipt {
		r := InstanceReceipt{Name: ip.Name, Control: ip.Control, RevBefore: ip.Rev}
		nothing := func(format string, args ...any) InstanceReceipt {
			r.Err = "nothing was " + u.Done + ": " + fmt.Sprintf(format, args...)
			return r
		}
		switch {
		case ip.Skip != "" && ip.Rev == "":
			return nothing("%s", ip.Skip)
		case ip.Skip != "":
			r.OK, r.RevAfter, r.Note = true, ip.Rev, "nothing was "+u.Done+": "+ip.Skip
			return r
		}
		now, err := u.Look(ctx, ip)
		switch {
		case err != nil:
			return nothing("%v", err)
		case u.Restarted != nil && now.Rev != ip.Rev:
			return nothing("%s; plan again", u.Restarted(ip, now))
		case Same(now.Value, ip.After):
			r.OK, r.RevAfter, r.Note = true, now.Rev, "it was so already: "+ip.Control+" is "+u.Show(now.Value)
			return r
		case !Same(now.Value, ip.Before):
			return nothing("somebody changed %s of %s since it was read: it was %s, now it is %s; plan again", ip.Control, ip.Name, u.Show(ip.Before), u.Show(now.Value))
		}
		return u.Set(ctx, i, ip, ip.After, r)
	})
}

// Revert puts each control back to what the plan had read, where it still shows what the plan set.
func (u Unlocked) Revert(ctx context.Context, p Plan, rec Receipt, idemKey string) Receipt {
	return p.Everywhere(idemKey, func(i int, ip InstancePlan) InstanceReceipt {
		r := InstanceReceipt{Name: ip.Name, Control: ip.Control}
		if ip.Skip != "" {
			r.OK, r.Note = true, "was not changed by this plan"
			return r
		}
		nothing := func(format string, args ...any) InstanceReceipt {
			r.Err = "nothing was " + u.Done + ": " + fmt.Sprintf(format, args...)
			return r
		}
		now, err := u.Look(ctx, ip)
		if err != nil {
			return nothing("%v", err)
		}
		r.RevBefore = now.Rev
		switch {
		case Same(now.Value, ip.Before):
			r.OK, r.RevAfter, r.Note = true, now.Rev, "it is back already: "+ip.Control+" is "+u.Show(now.Value)
			if u.Restarted != nil && now.Rev != ip.Rev {
				r.Note += "; " + u.Restarted(ip, now)
			}
			u.restored(ip)
			return r
		case !Same(now.Value, ip.After):
			return nothing("somebody else changed %s of %s: we set %s, it is now %s; look before you plan again", ip.Control, ip.Name, u.Show(ip.After), u.Show(now.Value))
		case rec.Refused(ip):
			return nothing("our change of %s on %s was refused, yet it reads %s: somebody else set that", ip.Control, ip.Name, u.Show(now.Value))
		}
		if r = u.Set(ctx, i, ip, ip.Before, r); r.OK {
			u.restored(ip)
		}
		return r
	})
}

func (u Unlocked) restored(ip InstancePlan) {
	if u.Restored != nil {
		u.Restored(ip)
	}
}

// Refused tells whether the instance answered that it did not change the control.
func (r Receipt) Refused(ip InstancePlan) bool {
	for _, i := range r.Instances {
		if i.Name == ip.Name && i.Control == ip.Control {
			return !i.OK && !i.InDoubt
		}
	}
	return false
}
