package desk

import "fmt"

// handle routes a command. Commands that ask a gateway answer later, through reply.
func (d *Desk) handle(a ask) {
	reply := func(r Result, err error) {
		d.publish()               // when Do returns, the snapshot shows what was done
		a.reply <- answer{r, err} // buffered: a client that has left does not hold the desk up
	}
	if a.ctx.Err() != nil {
		return // the client has left before the desk began: nothing is done
	}
	switch c := a.cmd.(type) {
	case PlanLever:
		d.planLever(c, "", "", -1, reply)
	case PlanStep:
		d.planStep(c, reply)
	case PlanRevert:
		d.planRevert(c, reply)
	case Throw:
		d.throw(c, reply)
	case Decline:
		reply(d.decline(c))
	case Revert:
		d.revert(c, reply)
	case Extend:
		d.extend(c, reply)
	case ProbeStep:
		d.probeStep(c, reply)
	case SendProbe:
		d.sendProbe(c.Request, nil, -1, reply)
	case RunRehearsal:
		d.runRehearsal(c, reply)
	case Evaluate:
		reply(d.evaluate(c), nil)
	case Look:
		d.look(reply)
	case ReadBack:
		for _, name := range d.order {
			d.readBack(d.wires[name])
		}
		reply(Result{Text: "reading the gateways"}, nil)
	default:
		reply(d.handleRecord(a.cmd))
	}
}

// handleRecord carries out the commands that only touch the desk and its journal.
func (d *Desk) handleRecord(cmd Command) (Result, error) {
	switch c := cmd.(type) {
	case OpenIncident:
		return d.openIncident(c)
	case CloseIncident:
		return d.closeIncident(c)
	case ResumeIncident:
		return d.resumeIncident(c)
	case Rehearse:
		return d.rehearse(c)
	case AddNote:
		return d.addNote(c)
	case SetActor:
		return d.setActor(c)
	case Export:
		return d.export(c)
	}
	return d.handleRun(cmd)
}

func (d *Desk) handleRun(cmd Command) (Result, error) {
	switch c := cmd.(type) {
	case StartRun:
		return d.startRun(c)
	case ResumeRun:
		return d.resumeRun(c)
	case StepDone:
		return d.stepDone(c)
	case StepSkip:
		return d.stepSkip(c)
	case StepBack:
		return d.stepBack()
	case StepJump:
		return d.stepJump(c)
	case Choose:
		return d.choose(c)
	case AbortRun:
		return d.abortRun(c)
	case KeepLever:
		return d.keepLever(c)
	case LoadBooks:
		return d.loadBooks(c)
	case TakeBook:
		return d.takeBook(c)
	}
	return Result{}, fmt.Errorf("the desk knows no command %T", cmd)
}
