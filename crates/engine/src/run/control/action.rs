//! Actions: attempts, pauses between them, and questions about them.

use std::sync::Arc;

use super::super::fiber::{ActionWaits, Doing, FiberId, Flow, Occurrence};
use super::super::machine::Turn;
use super::super::program::Kind;
use super::super::view::{AttemptView, StepState};
use super::super::{ATTEMPTS_MAX, AttemptResult, Change, Failure, LogLine, Resolution, RunState, StepAt, code, delay};
use crate::expression::{Value, from_json};
use crate::time::Timestamp;
use crate::workflow::OnUnknown;

impl RunState {
    pub(super) fn begin_action(&mut self, id: FiberId, step: &mut Occurrence, turn: &mut Turn) -> Flow {
        self.waiting.insert(step.at.clone(), id);
        self.attempt(step, 1, turn)
    }

    fn attempt(&mut self, step: &mut Occurrence, attempt: u32, turn: &mut Turn) -> Flow {
        step.doing = Doing::Action { attempt, waits: ActionWaits::End { started: false } };
        step.record.state = StepState::Running;
        let node = &self.program.nodes[step.node];
        if let Kind::Action { action, .. } = &node.kind {
            let (action, timeout) = (Arc::clone(action), node.timeout);
            turn.changes.push(Change::Attempt { step: step.at.clone(), action, attempt, timeout });
        }
        Flow::Parked
    }

    /// The attempt is about to have its effect.
    pub(in crate::run) fn attempt_started(&mut self, step: &StepAt, attempt: u32, turn: &mut Turn) {
        self.on_event(step, turn, |_, occurrence, turn| match &mut occurrence.doing {
            Doing::Action { attempt: current, waits: ActionWaits::End { started } } if *current == attempt && !*started => {
                *started = true;
                let view = AttemptView { number: attempt, started_at: Some(turn.now), ended_at: None, error: None };
                occurrence.record.attempt(view);
                Some(Flow::Parked)
            }
            _ => None,
        });
    }

    /// The attempt has ended.
    pub(in crate::run) fn attempt_ended(
        &mut self,
        step: &StepAt,
        attempt: u32,
        result: &AttemptResult,
        logs: &[LogLine],
        started_at: Timestamp,
        turn: &mut Turn,
    ) {
        self.on_event(step, turn, |run, occurrence, turn| {
            if !awaits_end(&occurrence.doing, attempt) {
                return None;
            }
            let record = &mut occurrence.record;
            record.log(logs);
            let error = match result {
                AttemptResult::Done { .. } => None,
                AttemptResult::Failed(failure) => Some(failure.clone()),
            };
            if record.attempts.back().is_some_and(|last| last.number == attempt) {
                record.attempts.pop_back();
            }
            record.attempt(AttemptView { number: attempt, started_at: Some(started_at), ended_at: Some(turn.now), error });
            Some(match result {
                AttemptResult::Done { output } => run.action_ended(occurrence, Ok(from_json(output))),
                AttemptResult::Failed(failure) => run.attempt_failed(occurrence, attempt, failure, turn),
            })
        });
    }

    /// Nobody knows how the attempt ended. What follows is what the step says; it asks if it says nothing.
    pub(in crate::run) fn outcome_unknown(&mut self, step: &StepAt, attempt: u32, turn: &mut Turn) {
        self.on_event(step, turn, |run, occurrence, turn| {
            if !awaits_end(&occurrence.doing, attempt) {
                return None;
            }
            let failure = Failure::new(code::OUTCOME_UNKNOWN, "the process ended before the outcome was recorded");
            if let Some(last) = occurrence.record.attempts.back_mut().filter(|last| last.number == attempt) {
                last.ended_at = Some(turn.now);
                last.error = Some(failure.clone());
            }
            let node = &run.program.nodes[occurrence.node];
            let counts_as_failed = node.retry.as_ref().is_some_and(|retry| retry.on.contains(&failure.code));
            match node.on_unknown {
                None if counts_as_failed => return Some(run.attempt_failed(occurrence, attempt, &failure, turn)),
                // An attempt that kills the process again and again must come to an end.
                Some(OnUnknown::Retry) if attempt < ATTEMPTS_MAX => {
                    return Some(run.attempt(occurrence, attempt.saturating_add(1), turn));
                }
                Some(OnUnknown::Fail) => return Some(run.action_ended(occurrence, Err(failure))),
                None | Some(OnUnknown::Ask | OnUnknown::Retry) => {}
            }
            occurrence.doing = Doing::Action { attempt, waits: ActionWaits::Decision };
            occurrence.record.state = StepState::Asking;
            turn.changes.push(Change::Ask { step: occurrence.at.clone() });
            Some(Flow::Parked)
        });
    }

    /// Somebody has decided.
    pub(in crate::run) fn resolved(&mut self, step: &StepAt, resolution: &Resolution, turn: &mut Turn) {
        self.on_event(step, turn, |run, occurrence, turn| {
            let Doing::Action { attempt, waits: ActionWaits::Decision } = occurrence.doing else { return None };
            Some(match resolution {
                Resolution::Retry => run.attempt(occurrence, attempt.saturating_add(1), turn),
                Resolution::TakeAsDone { output } => run.action_ended(occurrence, Ok(from_json(output))),
                Resolution::TakeAsFailed { message } => {
                    run.action_ended(occurrence, Err(Failure::new(code::OUTCOME_DECLINED, message.clone())))
                }
            })
        });
    }

    /// A point in time that the step waited for has come. An earlier timer that goes off late is ignored.
    pub(in crate::run) fn woke(&mut self, step: &StepAt, turn: &mut Turn) {
        self.on_event(step, turn, |run, occurrence, turn| match occurrence.doing {
            Doing::Waiting { due } if turn.now >= due => {
                run.waiting.remove(&occurrence.at);
                Some(Flow::StepEnded(Ok(super::wait::waited(due))))
            }
            Doing::Action { attempt, waits: ActionWaits::Pause { due } } if turn.now >= due => {
                Some(run.attempt(occurrence, attempt.saturating_add(1), turn))
            }
            _ => None,
        });
    }

    fn attempt_failed(&mut self, step: &mut Occurrence, attempt: u32, failure: &Failure, turn: &mut Turn) -> Flow {
        let retry = self.program.nodes[step.node].retry.as_ref();
        let Some(pause) = retry.and_then(|retry| delay(retry, attempt, failure, self.facts.seed, &step.at)) else {
            return self.action_ended(step, Err(failure.clone()));
        };
        let due = turn.now.plus(pause);
        step.doing = Doing::Action { attempt, waits: ActionWaits::Pause { due } };
        step.record.state = StepState::Waiting;
        turn.changes.push(Change::Wake { step: step.at.clone(), due });
        Flow::Parked
    }

    fn action_ended(&mut self, step: &Occurrence, result: Result<Value, Failure>) -> Flow {
        self.waiting.remove(&step.at);
        Flow::StepEnded(result)
    }

    /// Lets the waiting step go on, if it is (still) waiting and the event fits.
    fn on_event(
        &mut self,
        step: &StepAt,
        turn: &mut Turn,
        meet: impl FnOnce(&mut Self, &mut Occurrence, &mut Turn) -> Option<Flow>,
    ) {
        let Some(id) = self.waiting.get(step).copied() else { return };
        let Some(mut fiber) = self.fibers.remove(&id) else { return };
        let flow = fiber.step().and_then(|occurrence| meet(self, occurrence, turn));
        self.fibers.insert(id, fiber);
        if let Some(flow) = flow {
            self.ready.push_back((id, flow));
            self.go_on(turn);
        }
    }
}

fn awaits_end(doing: &Doing, attempt: u32) -> bool {
    matches!(doing, Doing::Action { attempt: current, waits: ActionWaits::End { .. } } if *current == attempt)
}
