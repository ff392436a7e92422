//! Whether a hook takes requests: active, paused or off, whatever its document says.
//!
//! A state is changed together with the catalog's version, so that whoever keeps hooks in memory reads them again.

use hookmill_engine::id::HookId;

use crate::catalog::{Change, bump_catalog, bumped_version};
use crate::db::{Batch, Expect};
use crate::words::words;
use crate::{Error, Result, Store, args};

words! {
    /// Whether a hook takes requests.
    pub enum HookState {
        /// It takes them, and their runs start.
        Active = "active",
        /// It takes them, and their runs wait until it is resumed.
        Paused = "paused",
        /// It takes none.
        Off = "off",
    }
}

words! {
    /// What senders to a hook that is off are told. Never 410: it makes some senders give up for ever.
    pub enum OffAnswer {
        /// 404: there is nothing here.
        NotFound = "404",
        /// 503 with `Retry-After`: come again later.
        Unavailable = "503",
    }
}

/// What is done to a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// From active to paused.
    Pause,
    /// From paused to active: what was held is let go.
    Resume,
    /// To off, answering so.
    Off(OffAnswer),
    /// From off to active.
    On,
}

impl Switch {
    /// Where it leads from `state`; none: it makes no sense there.
    fn from(self, state: HookState) -> Option<HookState> {
        match (self, state) {
            (Self::Pause, HookState::Active | HookState::Paused) => Some(HookState::Paused),
            (Self::Resume, HookState::Active | HookState::Paused) | (Self::On, HookState::Active | HookState::Off) => {
                Some(HookState::Active)
            }
            (Self::Off(_), _) => Some(HookState::Off),
            (Self::Pause | Self::Resume, HookState::Off) | (Self::On, HookState::Paused) => None,
        }
    }
}

/// Tries before it is given up because others change the hook at the same moment.
const TRIES: usize = 8;

const SWITCH: &str = "
    UPDATE hooks
       SET state = $2, off_status = $3
     WHERE id = $1
       AND state = $4";

impl Store {
    /// Changes the state of a hook. [`Error::NotFound`]; [`Error::Invalid`]: it makes no sense in the state in which it is.
    /// To ask for what is so already changes nothing.
    pub async fn switch_hook(&self, id: HookId, switch: Switch) -> Result<HookState> {
        for _ in 0..TRIES {
            let hook = self.hook(id).await?.ok_or(Error::NotFound)?;
            let Some(state) = switch.from(hook.state) else {
                let way_out = if hook.state == HookState::Off { "switch it on" } else { "resume it" };
                return Err(Error::Invalid(format!("the hook is {}; {way_out} first", hook.state)));
            };
            let answer = if let Switch::Off(answer) = switch { answer } else { hook.off_answer };
            if (state, answer) == (hook.state, hook.off_answer) {
                return Ok(state);
            }
            let mut batch = Batch::new();
            batch.execute(SWITCH, args![id.0, state, answer.status(), hook.state], Expect::Exactly(1));
            bump_catalog(&mut batch, Change::Workflow(hook.workflow));
            match self.db().write(batch).await {
                Ok(written) => {
                    self.tell_catalog(bumped_version(&written)?);
                    return Ok(state);
                }
                Err(Error::Conflict { statement: 0 }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Overloaded { retry_after_ms: 1_000 })
    }
}

impl OffAnswer {
    /// The status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Unavailable => 503,
        }
    }

    /// As it is stored.
    pub(crate) fn of_status(status: i64) -> Result<Self> {
        let found = Self::ALL.iter().copied().find(|answer| i64::from(answer.status()) == status);
        found.ok_or_else(|| Error::corrupt(format!("a hook that is off answers {status}")))
    }
}
