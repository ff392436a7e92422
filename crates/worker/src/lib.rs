//! The loops behind the door: claim, execute, timers, lists, prune.
//!
//! A run is *handed over* in memory by the door that accepted it ([`Worker::reserve`], [`Worker::hand_over`]), or
//! *fetched* from the database when nobody has it in memory. Either way one task *executes* it: the engine decides, an
//! action runs, the store commits. The worker takes its clock and its end from outside and knows no HTTP.
//!
//! One job, one file: `queue` (whose turn it is), `fetch` (what is due in the database), `lease` (which buckets are
//! ours), `execute` / `attempt` / `commit` (one run), `wish` (cancel, rerun), `replay`, `index`, `prune`.

mod answers;
mod attempt;
mod backlog;
mod berth;
mod bulk;
mod clock;
mod commit;
mod config;
mod elements;
mod error;
mod execute;
mod fetch;
mod handed;
mod held;
mod index;
mod lease;
mod live;
mod load;
mod observer;
mod ownership;
mod programs;
mod prune;
mod queue;
mod replay;
mod rescue;
mod rounds;
mod secrets;
mod timers;
mod view;
mod wish;
mod worker;

pub use answers::{Answered, Ended, Waiter, Wants};
pub use berth::Berth;
pub use bulk::Wanted;
pub use clock::{Clock, SystemClock};
pub use config::{Config, Keep, Retention};
pub use error::Error;
pub use handed::{Handed, Head};
pub use observer::Observer;
pub use programs::{Checked, PROGRAMS_BYTES_MAX, Programs, Revision};
pub use replay::{Edit, KeysOf, OwnKeys, Witness};
pub use secrets::Secrets;
pub use view::{Given, RunView, fold_stored};
pub use wish::{From, Which};
pub use worker::{Parts, Worker};
